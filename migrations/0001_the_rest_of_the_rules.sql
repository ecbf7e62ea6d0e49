CREATE TABLE `override` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`member_id` text,
	`pool_id` text,
	`of_pool_id` text NOT NULL,
	`state` text NOT NULL,
	`reason` text,
	`starts_at` integer,
	`expires_at` integer,
	`force` integer NOT NULL,
	`by` text NOT NULL,
	`created_at` integer NOT NULL,
	`ended` text,
	`ended_at` integer
);
--> statement-breakpoint
CREATE INDEX `override_by_created` ON `override` (`project_id`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `override_by_pool` ON `override` (`of_pool_id`,`member_id`);--> statement-breakpoint
CREATE INDEX `override_by_member` ON `override` (`member_id`) WHERE member_id IS NOT NULL;--> statement-breakpoint
ALTER TABLE `gslb` ADD `fallback_pool_id` text;--> statement-breakpoint
ALTER TABLE `gslb` ADD `failback` text DEFAULT 'auto' NOT NULL;--> statement-breakpoint
CREATE INDEX `gslb_by_fallback_pool` ON `gslb` (`fallback_pool_id`) WHERE fallback_pool_id IS NOT NULL;--> statement-breakpoint
ALTER TABLE `gslb_pool` ADD `weight` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `pool` ADD `panic_percent` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `pool` ADD `failback_delay` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `pool` ADD `max_removal_percent` integer DEFAULT 100 NOT NULL;