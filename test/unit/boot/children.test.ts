import { describe, expect, it } from 'vitest'
import { capture, systemChildren } from '#boot/children.ts'

const node = (script: string) => ({
  command: process.execPath,
  args: ['-e', script],
  env: { SAID: 'so' },
})

describe('a helper program', () => {
  it('is given its stdin and its environment, and what it prints is kept', async () => {
    const script = `
      process.stdout.write(require('fs').readFileSync(0, 'utf8') + process.env.SAID + String(process.env.HOME))
      process.stderr.write('and this')
      process.exitCode = 3`
    expect(await systemChildren.capture(node(script), 'given ')).toEqual({
      status: 3,
      out: 'given soundefined',
      err: 'and this',
    })
  })

  it('that reads nothing is no fault', async () => {
    const long = 'x'.repeat(1_000_000)
    expect(await systemChildren.capture(node(''), long)).toEqual({ status: 0, out: '', err: '' })
  })

  it('that is not there, or cannot be run, ends as a shell has it', async () => {
    const missing = { command: 'no-such-program', args: [], env: {} }
    expect(await systemChildren.capture(missing, '')).toMatchObject({ status: 127 })
    const folder = { command: import.meta.dirname, args: [], env: {} }
    expect(await systemChildren.capture(folder, '')).toMatchObject({ status: 126 })
    expect(await systemChildren.capture(node('process.kill(process.pid)'), '')).toMatchObject({
      status: 143,
    })
  })

  it('that hangs is ended, so that it does not hang the job', async () => {
    const ended = await capture(node('setInterval(() => undefined, 1000)'), '', 50)
    expect(ended).toMatchObject({ status: 128 + 9 })
  })
})
