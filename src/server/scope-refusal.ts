import type { Caller, Deps } from '#app/deps.ts'
import { recordRefusal } from '#app/record.ts'
import type { WireCall } from '#contract/transport.ts'
import type { Problem } from '#kernel/problem.ts'

/** A caller that reaches for more than its token carries is on record, whatever it reached for. */
export const recordScopeRefusal = (
  deps: Deps,
  call: WireCall,
  caller: Caller,
  problem: Problem,
): Promise<void> =>
  recordRefusal(
    deps,
    { caller, requestId: call.requestId },
    { action: call.operation, target: call.params['id']?.slice(0, 128) ?? '*' },
    problem,
  )
