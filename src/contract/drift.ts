/** How what would be hit now parts from what was planned; the same rule that the authority goes by. */
export { driftOf } from '#domain/revocation/plan.ts'
