/** How checks introduce themselves to the endpoints. */
import { version } from "../../domain/version.ts";

export const userAgent = `Kosmos/${version}`;
