CREATE TABLE `cloud` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`description` text,
	`sealed` text,
	`version` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`auth_url` text NOT NULL,
	`interface` text NOT NULL,
	`regions` text NOT NULL,
	`ca_cert` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `cloud_name_unique` ON `cloud` (`name`);--> statement-breakpoint
CREATE TABLE `flavor` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`description` text,
	`sealed` text,
	`version` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`provider` text NOT NULL,
	`settings` text NOT NULL,
	`project_ids` text NOT NULL,
	`domain_names` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `flavor_name_unique` ON `flavor` (`name`);--> statement-breakpoint
ALTER TABLE `gslb` ADD `flavors` text DEFAULT '["edge"]' NOT NULL;--> statement-breakpoint
ALTER TABLE `gslb` ADD `adopt` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `gslb_pool` ADD `locations` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `gslb_pool` ADD `geofence` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `pool_member` ADD `neutron_id` text;--> statement-breakpoint
ALTER TABLE `pool_member` ADD `parameters` text DEFAULT '{}' NOT NULL;