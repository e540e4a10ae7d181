/** Bounds of the passphrase under which a backup is sealed, in characters. */
export const LEAST_PASSPHRASE = 8
export const MOST_PASSPHRASE = 1024
