// What a bookmark of D1 looks like, so that nothing else is handed to D1.
// https://developers.cloudflare.com/d1/best-practices/read-replication/#use-sessions-api

/** Three numbers and a hash, in hex. */
export const BOOKMARK = /^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{32}$/
