import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Children } from '#cli/kit.ts'
import { refuse } from '#kernel/problem.ts'

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const

export const systemChildren: Children = {
  run: ({ command, args, env }) =>
    new Promise((resolve, reject) => {
      const child = spawn(command, [...args], { stdio: 'inherit', env: { ...env } })
      const forward = (signal: NodeJS.Signals): void => {
        child.kill(signal)
      }
      for (const signal of FORWARDED) process.on(signal, forward)
      const done = (): void => {
        for (const signal of FORWARDED) process.off(signal, forward)
      }
      child.once('error', ({ code }: NodeJS.ErrnoException) => {
        done()
        try {
          refuse('request-invalid', `${command} cannot be run (${code ?? 'error'})`, {
            next: 'check the name of the program and PATH',
          })
        } catch (problem) {
          reject(problem as Error)
        }
      })
      child.once('exit', (status, signal) => {
        done()
        resolve(signal === null ? (status ?? 1) : 128 + constants.signals[signal])
      })
    }),
}
