/**
 * Everything that happens, folded into two words: two runs with one trace did the same things at the
 * same times. Millions of decisions would make too long a text to hash.
 */
export class CoreTrace {
  #a = 0x811c9dc5
  #b = 0x9e3779b9

  note(micros: number, what: number, who: number, more: number): void {
    this.#mix(micros % 4_294_967_296)
    this.#mix(what * 65_599 + who)
    this.#mix(more % 4_294_967_296)
  }

  #mix(word: number): void {
    this.#a = Math.imul(this.#a ^ word, 0x01000193)
    this.#b = Math.imul((this.#b ^ word) + (this.#b >>> 15), 0x85ebca6b)
  }

  digest(): string {
    return `${(this.#a >>> 0).toString(16)} ${(this.#b >>> 0).toString(16)}`
  }
}
