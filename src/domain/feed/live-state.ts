import { ExpiryHeap } from './expiry-heap.ts'
import { IdTable } from './id-table.ts'
import type { LiveState } from './live.ts'
import type { Position } from './position.ts'
import type { FeedRecord, KeyRecord, UnblockRecord } from './record.ts'
import { sha256, sha256Text } from './sha256.ts'

/**
 * The live state (see `LiveState`), kept so that a change re-hashes one group of 1024 positions and
 * the list of groups, however much is in force. An entry takes its hash, six bytes beside it, and its
 * place under its id.
 */
export function createLiveState(): LiveState {
  return new Live()
}

class Live implements LiveState {
  readonly #groups = new Map<number, Group>()
  /** The numbers of the groups in order; made anew when one comes or goes. */
  #order: readonly number[] | undefined
  #revocations = new IdTable('rev_')
  readonly #keys = new Map<string, number>()
  readonly #ends = new ExpiryHeap()
  #size = 0
  /** How many places in `#revocations` have ended since they were last looked through. */
  #ended = 0
  #digest: string | undefined

  get size(): number {
    return this.#size
  }

  apply(record: FeedRecord, bytes: Uint8Array): void {
    switch (record.op) {
      case 'revoke':
        this.#put(record.position, bytes, record.untilSeconds)
        this.#revocations.add(record.id, record.position)
        return
      case 'unblock':
        this.#unblock(record, bytes)
        return
      case 'lift':
        for (const place of this.#revocations.places(record.id)) this.#take(place)
        this.#revocations.remove(record.id)
        return
      case 'key':
        this.#key(record, bytes)
        return
      case 'epoch':
      case 'ignorable':
    }
  }

  digest(timeMicros: number): string {
    this.#expire(Math.floor(timeMicros / 1_000_000))
    if (this.#digest !== undefined) return this.#digest
    this.#order ??= [...this.#groups.keys()].sort((a, b) => a - b)
    const bytes = new Uint8Array(this.#order.length * (8 + HASH_BYTES))
    const view = new DataView(bytes.buffer)
    let at = 0
    for (const one of this.#order) {
      view.setBigUint64(at, BigInt(one))
      bytes.set((this.#groups.get(one) as Group).hash(), at + 8)
      at += 8 + HASH_BYTES
    }
    this.#digest = sha256Text(bytes)
    return this.#digest
  }

  positions(): Position[] {
    const positions: Position[] = []
    this.#order ??= [...this.#groups.keys()].sort((a, b) => a - b)
    for (const one of this.#order) {
      for (const offset of (this.#groups.get(one) as Group).offsets()) {
        positions.push((one * GROUP + offset) as Position)
      }
    }
    return positions
  }

  #expire(seconds: number): void {
    for (let end = this.#ends.pop(seconds); end !== undefined; end = this.#ends.pop(seconds)) {
      // A later entry may have put the end off, or a lift may have come before it.
      if (this.#groups.get(groupOf(end.place))?.untilOf(end.place) !== end.seconds) continue
      this.#take(end.place)
      this.#ended++
    }
    if (ENDED_MAX < this.#ended && this.#size < this.#ended) {
      this.#revocations.retain((place) => this.#has(place))
      this.#ended = 0
    }
  }

  #unblock(record: UnblockRecord, bytes: Uint8Array): void {
    const places = this.#revocations.places(record.id).filter((place) => this.#has(place))
    if (places.length === 0) return
    for (const place of places) this.#setUntil(place, record.untilSeconds)
    this.#put(record.position, bytes, record.untilSeconds)
    this.#revocations.add(record.id, record.position)
  }

  /** Of a key its newest entry; of feed keys all, since trust follows from one to the next. */
  #key(record: KeyRecord, bytes: Uint8Array): void {
    const before = this.#keys.get(record.id)
    if (before !== undefined && record.purpose !== 'feed') this.#take(before)
    this.#keys.set(record.id, record.position)
    this.#put(record.position, bytes, record.untilSeconds)
  }

  #has(place: number): boolean {
    return this.#groups.get(groupOf(place))?.untilOf(place) !== undefined
  }

  #put(place: number, bytes: Uint8Array, untilSeconds = NO_END): void {
    const number = groupOf(place)
    let group = this.#groups.get(number)
    if (group === undefined) {
      group = new Group()
      this.#groups.set(number, group)
      this.#order = undefined
    }
    group.put(place, sha256(bytes), untilSeconds)
    this.#size++
    this.#digest = undefined
    if (untilSeconds < NO_END) this.#ends.push(untilSeconds, place)
  }

  #setUntil(place: number, untilSeconds = NO_END): void {
    this.#groups.get(groupOf(place))?.setUntil(place, untilSeconds)
    if (untilSeconds < NO_END) this.#ends.push(untilSeconds, place)
  }

  #take(place: number): void {
    const number = groupOf(place)
    const group = this.#groups.get(number)
    if (group === undefined || !group.take(place)) return
    this.#size--
    this.#digest = undefined
    if (group.count === 0) {
      this.#groups.delete(number)
      this.#order = undefined
    }
  }
}

const GROUP = 1024
const HASH_BYTES = 32
const NO_END = 2 ** 32 - 1
/** Fewer than this that have ended are not worth a look through all. */
const ENDED_MAX = 1024

const groupOf = (place: number): number => Math.floor(place / GROUP)

/** The entries of up to 1024 positions, in order of position. */
class Group {
  count = 0
  #offsets = new Uint16Array(2)
  #untils = new Uint32Array(2)
  #hashes = new Uint8Array(2 * HASH_BYTES)
  #hash: Uint8Array | undefined

  hash(): Uint8Array {
    this.#hash ??= sha256(this.#hashes.subarray(0, this.count * HASH_BYTES))
    return this.#hash
  }

  offsets(): Uint16Array {
    return this.#offsets.subarray(0, this.count)
  }

  put(place: number, hash: Uint8Array, untilSeconds: number): void {
    if (this.count === this.#offsets.length) this.#grow()
    const at = this.#indexOf(place)
    this.#shift(at, at + 1)
    this.#offsets[at] = place % GROUP
    this.#untils[at] = untilSeconds
    this.#hashes.set(hash, at * HASH_BYTES)
    this.count++
    this.#hash = undefined
  }

  take(place: number): boolean {
    const at = this.#indexOf(place)
    if (!this.#isAt(at, place)) return false
    this.#shift(at + 1, at)
    this.count--
    this.#hash = undefined
    return true
  }

  /** `undefined` where there is no such entry. */
  untilOf(place: number): number | undefined {
    const at = this.#indexOf(place)
    return this.#isAt(at, place) ? this.#untils[at] : undefined
  }

  setUntil(place: number, untilSeconds: number): void {
    const at = this.#indexOf(place)
    if (this.#isAt(at, place)) this.#untils[at] = untilSeconds
  }

  #isAt(at: number, place: number): boolean {
    return at < this.count && this.#offsets[at] === place % GROUP
  }

  /** Where a place is, or would be put. */
  #indexOf(place: number): number {
    const offset = place % GROUP
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#offsets[middle] as number) < offset) low = middle + 1
      else high = middle
    }
    return low
  }

  #shift(from: number, to: number): void {
    this.#offsets.copyWithin(to, from, this.count)
    this.#untils.copyWithin(to, from, this.count)
    this.#hashes.copyWithin(to * HASH_BYTES, from * HASH_BYTES, this.count * HASH_BYTES)
  }

  #grow(): void {
    const capacity = Math.min(2 * this.count, GROUP)
    const [offsets, untils, hashes] = [this.#offsets, this.#untils, this.#hashes]
    this.#offsets = new Uint16Array(capacity)
    this.#untils = new Uint32Array(capacity)
    this.#hashes = new Uint8Array(capacity * HASH_BYTES)
    this.#offsets.set(offsets)
    this.#untils.set(untils)
    this.#hashes.set(hashes)
  }
}
