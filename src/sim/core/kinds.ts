/** The kinds of events that there are; see `run.ts` for what each does. */
export const Kind = {
  /** The next statement of a transaction. */
  statement: 0,
  /** A request reaches a node of the authority. */
  toNode: 1,
  /** An answer, or a part of a stream, reaches a verifier. */
  toVerifier: 2,
  wake: 3,
  decide: 4,
  decideAgain: 5,
  /** Nobody answered a request in time. */
  timeout: 6,
  heartbeat: 7,
  /** Acknowledgements that have gathered are taken. */
  acknowledge: 8,
  /** Anything that happens too seldom to matter. */
  call: 9,
} as const
