import { createHash } from 'node:crypto'
import type {
  SimulationProgress,
  SimulationReport,
  SimulationRequest,
} from '#contract/simulation.ts'
import { simulate } from '#sim/run.ts'
import type { PlantedBug } from '#sim/planted-bug.ts'
import { trapAmbient } from './ambient-trap.ts'

export interface SimulateOptions {
  readonly onProgress?: ((progress: SimulationProgress) => void) | undefined
  readonly bug?: PlantedBug | undefined
}

/**
 * Runs a scenario. While it runs, the clock, the chance and the timers of this process throw: what
 * would make two runs of one seed differ ends the run instead.
 */
export async function runSimulation(
  request: SimulationRequest,
  { onProgress, bug }: SimulateOptions = {},
): Promise<SimulationReport> {
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  let trap = trapAmbient()
  try {
    return await simulate(
      request,
      {
        newHasher: () => {
          const hash = createHash('sha256')
          return {
            update: (text) => void hash.update(text),
            digest: () => hash.digest('hex'),
          }
        },
        async breathe(done) {
          trap.lift()
          onProgress?.({ seed: request.seed, done })
          await turn()
          trap = trapAmbient()
        },
      },
      bug,
    )
  } finally {
    trap.lift()
  }
}
