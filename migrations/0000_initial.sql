CREATE TABLE `change_log` (
	`project_id` text NOT NULL,
	`seq` integer NOT NULL,
	`kind` text NOT NULL,
	`resource_id` text NOT NULL,
	`op` text NOT NULL,
	PRIMARY KEY(`project_id`, `seq`, `kind`, `resource_id`)
);
--> statement-breakpoint
CREATE TABLE `event` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`at` integer NOT NULL,
	`kind` text NOT NULL,
	`severity` text NOT NULL,
	`gslb_id` text,
	`pool_id` text,
	`member_id` text,
	`flavor` text,
	`from` text,
	`to` text,
	`reason` text NOT NULL,
	`rule` text,
	`by` text,
	`plan` integer,
	`incident_id` text,
	`request_id` text,
	`evidence` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `event_by_time` ON `event` (`project_id`,`at`,`id`);--> statement-breakpoint
CREATE INDEX `event_by_gslb` ON `event` (`gslb_id`,`at`,`id`) WHERE gslb_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX `event_by_pool` ON `event` (`pool_id`,`at`,`id`) WHERE pool_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX `event_by_member` ON `event` (`member_id`,`at`,`id`) WHERE member_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX `event_published` ON `event` (`project_id`,`gslb_id`,`flavor`,`at`) WHERE kind = 'published';--> statement-breakpoint
CREATE TABLE `gslb` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`name` text NOT NULL,
	`description` text,
	`tags` text NOT NULL,
	`admin_state_up` integer NOT NULL,
	`version` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`status` text NOT NULL,
	`action` text NOT NULL,
	`revision` integer NOT NULL,
	`fqdn` text NOT NULL,
	`domain_name` text NOT NULL,
	`flavor` text NOT NULL,
	`ttl` integer NOT NULL,
	`steering_policy` text NOT NULL,
	`max_answers` integer,
	`on_all_down` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `gslb_by_created` ON `gslb` (`project_id`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `gslb_by_updated` ON `gslb` (`project_id`,`updated_at`,`id`);--> statement-breakpoint
CREATE INDEX `gslb_by_name` ON `gslb` (`project_id`,`name`,`id`);--> statement-breakpoint
CREATE INDEX `gslb_by_status` ON `gslb` (`project_id`,`status`,`id`);--> statement-breakpoint
CREATE INDEX `gslb_by_fqdn` ON `gslb` (`project_id`,`fqdn`);--> statement-breakpoint
CREATE TABLE `gslb_pool` (
	`gslb_id` text NOT NULL,
	`pool_id` text NOT NULL,
	`position` integer NOT NULL,
	PRIMARY KEY(`gslb_id`, `pool_id`)
);
--> statement-breakpoint
CREATE INDEX `gslb_pool_by_pool` ON `gslb_pool` (`pool_id`);--> statement-breakpoint
CREATE TABLE `monitor` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`name` text NOT NULL,
	`description` text,
	`tags` text NOT NULL,
	`admin_state_up` integer NOT NULL,
	`version` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`type` text NOT NULL,
	`settings` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `monitor_by_created` ON `monitor` (`project_id`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `monitor_by_updated` ON `monitor` (`project_id`,`updated_at`,`id`);--> statement-breakpoint
CREATE INDEX `monitor_by_name` ON `monitor` (`project_id`,`name`,`id`);--> statement-breakpoint
CREATE INDEX `monitor_by_type` ON `monitor` (`project_id`,`type`);--> statement-breakpoint
CREATE TABLE `monitor_attachment` (
	`target_id` text NOT NULL,
	`target_kind` text NOT NULL,
	`monitor_id` text NOT NULL,
	`position` integer NOT NULL,
	PRIMARY KEY(`target_id`, `monitor_id`)
);
--> statement-breakpoint
CREATE INDEX `monitor_attachment_by_monitor` ON `monitor_attachment` (`monitor_id`);--> statement-breakpoint
CREATE TABLE `name_claim` (
	`flavor` text NOT NULL,
	`fqdn` text NOT NULL,
	`project_id` text NOT NULL,
	`gslb_id` text NOT NULL,
	PRIMARY KEY(`flavor`, `fqdn`)
);
--> statement-breakpoint
CREATE INDEX `name_claim_by_gslb` ON `name_claim` (`gslb_id`);--> statement-breakpoint
CREATE TABLE `pool` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`name` text NOT NULL,
	`description` text,
	`tags` text NOT NULL,
	`admin_state_up` integer NOT NULL,
	`version` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`status` text NOT NULL,
	`action` text NOT NULL,
	`revision` integer NOT NULL,
	`flavor` text,
	`min_healthy_percent` integer NOT NULL,
	`quorum_percent` integer NOT NULL,
	`min_regions` integer
);
--> statement-breakpoint
CREATE INDEX `pool_by_created` ON `pool` (`project_id`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `pool_by_updated` ON `pool` (`project_id`,`updated_at`,`id`);--> statement-breakpoint
CREATE INDEX `pool_by_name` ON `pool` (`project_id`,`name`,`id`);--> statement-breakpoint
CREATE INDEX `pool_by_status` ON `pool` (`project_id`,`status`,`id`);--> statement-breakpoint
CREATE TABLE `pool_member` (
	`id` text PRIMARY KEY NOT NULL,
	`project_id` text NOT NULL,
	`name` text NOT NULL,
	`description` text,
	`tags` text NOT NULL,
	`admin_state_up` integer NOT NULL,
	`version` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`status` text NOT NULL,
	`action` text NOT NULL,
	`revision` integer NOT NULL,
	`pool_id` text NOT NULL,
	`type` text NOT NULL,
	`region` text,
	`endpoints` text NOT NULL,
	`weight` integer NOT NULL,
	`host_header` text,
	`monitor_address` text,
	`monitor_port` integer,
	`in_rotation` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `pool_member_by_pool` ON `pool_member` (`pool_id`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `pool_member_by_created` ON `pool_member` (`project_id`,`created_at`,`id`);--> statement-breakpoint
CREATE INDEX `pool_member_by_updated` ON `pool_member` (`project_id`,`updated_at`,`id`);--> statement-breakpoint
CREATE INDEX `pool_member_by_name` ON `pool_member` (`project_id`,`name`,`id`);--> statement-breakpoint
CREATE INDEX `pool_member_by_status` ON `pool_member` (`project_id`,`status`,`id`);--> statement-breakpoint
CREATE INDEX `pool_member_by_region` ON `pool_member` (`project_id`,`region`);--> statement-breakpoint
CREATE TABLE `project` (
	`project_id` text PRIMARY KEY NOT NULL,
	`epoch` integer NOT NULL,
	`seq` integer NOT NULL,
	`floor` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `tombstone` (
	`gslb_id` text NOT NULL,
	`flavor` text NOT NULL,
	`project_id` text NOT NULL,
	`fqdn` text NOT NULL,
	`zone` text NOT NULL,
	`remove` integer NOT NULL,
	PRIMARY KEY(`gslb_id`, `flavor`)
);
--> statement-breakpoint
CREATE INDEX `tombstone_by_project` ON `tombstone` (`project_id`);