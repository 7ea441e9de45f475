/**
 * Places by identifier, several for one if need be: what a million ids cost in a `Map` of texts is
 * ten times as much. Ours, a prefix and 22 characters of 5 bits, take 24 bytes and a slot of 4 to 8;
 * an id of any other form is kept as it is.
 */
export class IdTable {
  readonly #prefix: string
  readonly #chunks: Uint32Array[] = []
  /** Row + 1 by hash, 0 where nothing is. Linear probing. */
  #slots = new Uint32Array(16)
  /** The first row that is free, as row + 1; each names the next in its first word. */
  #free = 0
  #rows = 0
  #used = 0
  readonly #others = new Map<string, number[]>()
  #othersCount = 0
  readonly #key = new Uint32Array(4)

  constructor(prefix: string) {
    this.#prefix = prefix
  }

  get size(): number {
    return this.#used + this.#othersCount
  }

  /** `place` is a safe integer, not negative. */
  add(id: string, place: number): void {
    if (!this.#pack(id)) {
      const places = this.#others.get(id)
      if (places === undefined) this.#others.set(id, [place])
      else places.push(place)
      this.#othersCount++
      return
    }
    if (this.#slots.length * 3 <= (this.#used + 1) * 4) this.#rehash(2 * this.#slots.length)
    const row = this.#newRow()
    const chunk = this.#chunkOf(row)
    const at = offsetOf(row)
    for (let word = 0; word < 4; word++) chunk[at + word] = this.#key[word] as number
    chunk[at + 4] = Math.floor(place / WORD)
    chunk[at + 5] = place % WORD
    this.#used++
    this.#link(row, this.#hash(chunk, at))
  }

  /** The places of an id, in no order. */
  places(id: string): readonly number[] {
    if (this.size === 0) return NONE
    if (!this.#pack(id)) return this.#others.get(id) ?? NONE
    let found: number[] | undefined
    const mask = this.#slots.length - 1
    for (let slot = this.#hash(this.#key, 0) & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#slots[slot] as number
      if (entry === 0) return found ?? NONE
      const chunk = this.#chunkOf(entry - 1)
      const at = offsetOf(entry - 1)
      if (this.#isKey(chunk, at)) (found ??= []).push(placeAt(chunk, at))
    }
  }

  has(id: string): boolean {
    return 0 < this.places(id).length
  }

  /** Takes an id out, with all its places. */
  remove(id: string): void {
    for (const place of this.places(id).slice()) this.removeOne(id, place)
  }

  removeOne(id: string, place: number): void {
    if (!this.#pack(id)) {
      this.#removeOther(id, place)
      return
    }
    const mask = this.#slots.length - 1
    for (let slot = this.#hash(this.#key, 0) & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#slots[slot] as number
      if (entry === 0) return
      const chunk = this.#chunkOf(entry - 1)
      const at = offsetOf(entry - 1)
      if (!this.#isKey(chunk, at) || placeAt(chunk, at) !== place) continue
      this.#release(entry - 1)
      this.#close(slot)
      return
    }
  }

  /** Keeps only the places of which it is true; looks at every one. */
  retain(isKept: (place: number) => boolean): void {
    for (const [id, places] of this.#others) {
      for (const place of places.filter((one) => !isKept(one))) this.#removeOther(id, place)
    }
    for (let row = 0; row < this.#rows; row++) {
      const chunk = this.#chunkOf(row)
      const at = offsetOf(row)
      if (isUsed(chunk, at) && !isKept(placeAt(chunk, at))) this.#release(row)
    }
    this.#rehash(this.#slots.length)
  }

  #removeOther(id: string, place: number): void {
    const places = this.#others.get(id) ?? []
    const at = places.indexOf(place)
    if (at < 0) return
    places.splice(at, 1)
    this.#othersCount--
    if (places.length === 0) this.#others.delete(id)
  }

  /** Puts 22 characters into four words; false for an id of another form. */
  #pack(id: string): boolean {
    const from = this.#prefix.length
    if (id.length !== from + CHARACTERS || !id.startsWith(this.#prefix)) return false
    const key = this.#key
    let at = from
    for (let word = 0; word < 4; word++) {
      const end = Math.min(at + 6, from + CHARACTERS)
      let bits = 0
      for (; at < end; at++) {
        const code = id.charCodeAt(at)
        const value = code < 128 ? (VALUE_OF[code] as number) : -1
        if (value < 0) return false
        bits = (bits << 5) | value
      }
      key[word] = bits
    }
    // The last word has 20 bits of its own; the highest marks a row that is in use.
    key[3] = ((key[3] as number) | USED) >>> 0
    return true
  }

  #isKey(chunk: Uint32Array, at: number): boolean {
    const key = this.#key
    return (
      chunk[at + 3] === key[3] &&
      chunk[at + 2] === key[2] &&
      chunk[at + 1] === key[1] &&
      chunk[at] === key[0]
    )
  }

  #hash(words: Uint32Array, at: number): number {
    let hash = 0
    for (let word = 0; word < 4; word++) {
      hash = Math.imul(hash ^ (words[at + word] as number), 0x9e3779b1)
      hash ^= hash >>> 15
    }
    return hash >>> 0
  }

  #newRow(): number {
    if (this.#free !== 0) {
      const row = this.#free - 1
      this.#free = this.#chunkOf(row)[offsetOf(row)] as number
      return row
    }
    const row = this.#rows++
    this.#makeRoom(row)
    return row
  }

  /** The first chunk grows, since most tables hold a few ids; whoever has many has whole chunks. */
  #makeRoom(row: number): void {
    const chunks = this.#chunks
    const number = row >> CHUNK_BITS
    const chunk = chunks[number]
    if (chunk !== undefined && offsetOf(row) < chunk.length) return
    const rows =
      0 < number ? CHUNK_ROWS : chunk === undefined ? FIRST_ROWS : (2 * chunk.length) / WORDS
    const larger = new Uint32Array(rows * WORDS)
    if (chunk !== undefined) larger.set(chunk)
    chunks[number] = larger
  }

  #chunkOf(row: number): Uint32Array {
    return this.#chunks[row >> CHUNK_BITS] as Uint32Array
  }

  #release(row: number): void {
    const chunk = this.#chunkOf(row)
    const at = offsetOf(row)
    chunk.fill(0, at, at + WORDS)
    chunk[at] = this.#free
    this.#free = row + 1
    this.#used--
  }

  #link(row: number, hash: number): void {
    const mask = this.#slots.length - 1
    let slot = hash & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = row + 1
  }

  /** Empties a slot, and moves up what was put further on because it was taken. */
  #close(slot: number): void {
    const mask = this.#slots.length - 1
    let hole = slot
    for (let next = (hole + 1) & mask; this.#slots[next] !== 0; next = (next + 1) & mask) {
      const row = (this.#slots[next] as number) - 1
      const home = this.#hash(this.#chunkOf(row), offsetOf(row)) & mask
      if (((next - home) & mask) < ((next - hole) & mask)) continue
      this.#slots[hole] = row + 1
      hole = next
    }
    this.#slots[hole] = 0
  }

  #rehash(slots: number): void {
    this.#slots = new Uint32Array(slots)
    for (let row = 0; row < this.#rows; row++) {
      const chunk = this.#chunkOf(row)
      const at = offsetOf(row)
      if (isUsed(chunk, at)) this.#link(row, this.#hash(chunk, at))
    }
  }
}

const NONE: readonly number[] = []
const CHARACTERS = 22
const WORD = 2 ** 32
const WORDS = 6
const CHUNK_BITS = 10
const CHUNK_ROWS = 1 << CHUNK_BITS
const FIRST_ROWS = 4
const USED = 0x8000_0000

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const VALUE_OF = new Int8Array(128).fill(-1)
for (let value = 0; value < 32; value++) VALUE_OF[ALPHABET.charCodeAt(value)] = value

const offsetOf = (row: number): number => (row & (CHUNK_ROWS - 1)) * WORDS
const isUsed = (chunk: Uint32Array, at: number): boolean => USED <= (chunk[at + 3] as number)
const placeAt = (chunk: Uint32Array, at: number): number =>
  (chunk[at + 4] as number) * WORD + (chunk[at + 5] as number)
