/** What a place of a list says (draft-ietf-oauth-status-list-21 §7.1). */
export const VALID = 0
export const INVALID = 1
export const SUSPENDED = 2

/** How many bits a place has; SUSPENDED needs two. */
export const STATUS_BITS = 2

/** All places of a list, packed from the least significant bit of each byte on (§4.1). */
export const emptyBits = (size: number, bits: number = STATUS_BITS): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Math.ceil((size * bits) / 8))

export function setStatus(
  bytes: Uint8Array,
  index: number,
  status: number,
  bits: number = STATUS_BITS,
): void {
  const at = Math.floor((index * bits) / 8)
  const shift = (index * bits) % 8
  const mask = (1 << bits) - 1
  bytes[at] = ((bytes[at] ?? 0) & ~(mask << shift)) | ((status & mask) << shift)
}
