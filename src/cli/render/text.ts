/**
 * Stored text as a terminal may be shown it. Whoever can name a client or write a justification could
 * otherwise move the cursor, recolour a verdict or reverse what a responder reads.
 */
export const clean = (text: string): string =>
  PLAIN.test(text)
    ? text
    : text.replaceAll(UNSAFE, (c) => NAMED[c] ?? `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`)

/** Most text is printable ASCII, and is looked at a million times. */
const PLAIN = /^[\x20-\x7e]*$/

// Controls, what changes the direction of writing or is not seen, and what ends a line; but not the
// joiners that emoji and several scripts are written with.
const UNSAFE =
  /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]/gu
const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** How many columns of a terminal a clean text takes. */
export function widthOf(text: string): number {
  if (PLAIN.test(text)) return text.length
  let width = 0
  for (const c of text) width += NARROW.test(c) ? 0 : WIDE.test(c) ? 2 : 1
  return width
}

const NARROW = /\p{Mn}|\p{Me}|\p{Cf}/u
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u

/** The text in at most `width` columns; what is left out is marked `…`. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let kept = ''
  let used = 1
  for (const c of text) {
    used += widthOf(c)
    if (width < used) break
    kept += c
  }
  return `${kept}…`
}

export const padEnd = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - widthOf(text)))
