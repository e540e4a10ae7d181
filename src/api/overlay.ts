/** How traffic comes to an app's copy in a space. Read by the platform, the engines and the router. Shapes only. */

export interface Overlay {
  /** Who may come in by the space's host names; everybody without it. */
  door?: SpaceDoor
  /** One sentence that pages show at their foot, e.g. `mine, a space of ann over stage`. */
  banner?: string
  /** The environment's whole traffic for the app comes here; the router itself gives it back then (ms since the epoch). */
  swap?: { until: number }
}

/** A token is `<expiry, seconds since the epoch>.<id>.<base64url of HMAC-SHA256(key, "<space>.<expiry>.<id>")>`. */
export interface SpaceDoor {
  /** Base64url; a secret, treated as config is. */
  key: string
  /** Ids of tokens that no longer let anybody in. */
  revoked: string[]
}
