import { createInterface } from 'node:readline'
import { type Io, OutputClosed } from '#cli/kit.ts'

/** The process's own streams. */
export function processIo(): Io {
  // A reader that has gone is told by the write that fails; the event would end the process.
  process.stdout.on('error', () => undefined)
  process.stderr.on('error', () => undefined)
  return {
    isInTty: process.stdin.isTTY,
    isOutTty: process.stdout.isTTY,
    isErrTty: process.stderr.isTTY,
    columns: process.stdout.isTTY ? process.stdout.columns : undefined,
    out: (text) =>
      new Promise((resolve, reject) => {
        process.stdout.write(text, (failure) => {
          if (failure === null || failure === undefined) resolve()
          else if (isClosed(failure)) reject(new OutputClosed())
          else reject(failure)
        })
      }),
    err(text) {
      process.stderr.write(text)
    },
    async readStdin() {
      let text = ''
      process.stdin.setEncoding('utf8')
      for await (const chunk of process.stdin) text += String(chunk)
      return text
    },
    readLines: () => createInterface({ input: process.stdin, crlfDelay: Infinity }),
    onInterrupt(listener) {
      process.on('SIGINT', listener)
      return () => process.off('SIGINT', listener)
    },
  }
}

const isClosed = ({ code }: NodeJS.ErrnoException): boolean =>
  code === 'EPIPE' || code === 'ECONNRESET' || code === 'ERR_STREAM_DESTROYED'
