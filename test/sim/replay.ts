import { runSimulation } from '#boot/sim.ts'
import type { SimulationRequest } from '#contract/simulation.ts'

// Run by itself, as a process of any Node: prints the report of the request it is given.
const request = JSON.parse(process.argv[2] ?? '{}') as SimulationRequest
process.stdout.write(JSON.stringify(await runSimulation(request)))
