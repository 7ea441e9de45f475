import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'

/** A process of `children/`, which tells what it did in messages. */
export const child = (
  name: string,
  args: readonly string[] = [],
  execArgv: readonly string[] = [],
): ChildProcess =>
  fork(join(import.meta.dirname, 'children', `${name}.ts`), [...args], {
    serialization: 'json',
    execArgv: [...execArgv],
  })

/** Waits for a message of one kind; a child that ends first is a failure. */
export const said = (from: ChildProcess, kind: string): Promise<object> =>
  new Promise((told, fail) => {
    const onExit = (status: number | null): void =>
      fail(new Error(`${from.spawnargs.at(1)} ended with ${status}`))
    const onMessage = (message: unknown): void => {
      if ((message as { kind?: string }).kind !== kind) return
      from.off('exit', onExit)
      from.off('message', onMessage)
      told(message as object)
    }
    from.on('message', onMessage)
    from.once('exit', onExit)
  })
