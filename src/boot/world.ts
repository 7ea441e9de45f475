import { main } from '#cli/main.ts'
import type { Prompt, World } from '#cli/kit.ts'
import { storedContexts } from './contexts.ts'
import { systemFiles } from './files.ts'
import { processIo } from './io.ts'
import { configDirectory } from './paths.ts'
import { systemClock } from './system.ts'
import { VERSION } from './version.ts'

type Close = () => Promise<void>

/** Wires the real world, runs the command line in it, and gives back what was opened. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const open: Close[] = []
  try {
    return await main(
      argv,
      realWorld((close) => open.push(close)),
    )
  } finally {
    // The last opened goes first: a folder is removed only when its database is closed.
    for (const close of open.toReversed()) await close()
  }
}

function realWorld(onDispose: (close: Close) => void): World {
  const { env } = process
  const io = processIo()
  const warn = (line: string): void => io.err(`warning: ${line}\n`)
  return {
    version: VERSION,
    io,
    env,
    clock: systemClock,
    prompt: lazyPrompt,
    files: systemFiles,
    contexts: storedContexts(configDirectory(env)),
    children: {
      run: async (child) => (await import('./children.ts')).systemChildren.run(child),
      runBetween: async (before, after) =>
        (await import('./children.ts')).systemChildren.runBetween(before, after),
      capture: async (child, stdin) =>
        (await import('./children.ts')).systemChildren.capture(child, stdin),
    },
    connect: async (target, connecting) =>
      (await import('./connect.ts')).connectTo(target, env, { onDispose, warn, ...connecting }),
    oauth: async (target) =>
      (await import('./oauth-transport.ts')).connectOauthTo(target, env, { onDispose, warn }),
    web: {
      getJson: async (url, options) => (await import('./web.ts')).getJson(url, options),
    },
    local: async (target) => (await import('./connect.ts')).localOf(target, env, warn),
    throwaway: async () => (await import('./throwaway.ts')).makeThrowaway(onDispose),
    simulate: async (request, onProgress) =>
      (await import('./sim.ts')).runSimulation(request, { onProgress }),
    readCertificate: async (text, keys) =>
      (await import('./certificate.ts')).readCertificate(text, keys),
  }
}

/** inquirer is loaded with the first question. */
const lazyPrompt: Prompt = {
  confirm: async (question) => (await import('./prompt.ts')).terminalPrompt.confirm(question),
  input: async (question) => (await import('./prompt.ts')).terminalPrompt.input(question),
  password: async (question) => (await import('./prompt.ts')).terminalPrompt.password(question),
  select: async (question) => (await import('./prompt.ts')).terminalPrompt.select(question),
  checkbox: async (question) => (await import('./prompt.ts')).terminalPrompt.checkbox(question),
}
