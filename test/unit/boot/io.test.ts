import { spawn } from 'node:child_process'
import { closeSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'

const IO = fileURLToPath(new URL('../../../src/boot/io.ts', import.meta.url))

interface Streams {
  readonly stdin?: string
  readonly stdout?: 'pipe' | number
  readonly stderr?: number
  /** Nobody reads stdout. */
  readonly isClosed?: true
}

/** Runs a script whose `io` is the real one, in a process of its own. */
function run(script: string, { stdin = '', stdout = 'pipe', stderr, isClosed }: Streams = {}) {
  const source = `import { processIo } from ${JSON.stringify(IO)}\nconst io = processIo()\n${script}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['pipe', stdout, stderr ?? 'pipe'],
  })
  let out = ''
  let err = ''
  if (isClosed === true) child.stdout?.destroy()
  else child.stdout?.setEncoding('utf8').on('data', (text: string) => (out += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (err += text))
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(stdin)
  return new Promise<{ status: number | null; out: string; err: string }>((resolve) => {
    child.on('close', (status) => resolve({ status, out, err }))
  })
}

describe('the streams of the process', () => {
  it('tell a file on stderr from somebody who reads along', async () => {
    const script = `await io.out(String(io.isErrFile))`
    const file = openSync(join(tmpdir(), `credctl-err-${process.pid}`), 'w')
    onTestFinished(() => {
      closeSync(file)
      rmSync(join(tmpdir(), `credctl-err-${process.pid}`))
    })
    expect((await run(script)).out).toBe('false')
    expect((await run(script, { stderr: file })).out).toBe('true')
  })

  it('take text of any length, whole and in order', async () => {
    const long = `'é€😀'.repeat(200_000)`
    const script = `await io.out('begin'); await io.out(${long}); io.err('e1'); io.err('e2'); await io.out('end')`
    const { status, out, err } = await run(script)
    expect(status).toBe(0)
    expect(out).toBe(`begin${'é€😀'.repeat(200_000)}end`)
    expect(err).toBe('e1e2')
  })

  it('give all of stdin, as text', async () => {
    const stdin = `${'zeile ü\n'.repeat(20_000)}end`
    const script = `await io.out(String((await io.readStdin()).length))`
    expect(await run(script, { stdin })).toMatchObject({ status: 0, out: String(stdin.length) })
    expect((await run('await io.out(JSON.stringify(await io.readStdin()))')).out).toBe('""')
  })

  it('give stdin line by line, without the line ends', async () => {
    const script = `const all = []; for await (const line of io.readLines()) all.push(line)
      await io.out(JSON.stringify(all))`
    const { out } = await run(script, { stdin: 'a\r\nb\n\nc' })
    expect(JSON.parse(out)).toEqual(['a', 'b', '', 'c'])
  })

  it('say that the reader has gone, and nothing else', async () => {
    const script = `try {
        for (let i = 0; i < 1000; i++) await io.out('x'.repeat(10_000))
      } catch (thrown) { io.err(thrown.name) }`
    expect(await run(script, { isClosed: true })).toEqual({
      status: 0,
      out: '',
      err: 'OutputClosed',
    })
  })

  it('are no terminals where they are pipes, files or the null device', async () => {
    const script = `io.err(JSON.stringify([io.isInTty, io.isOutTty, io.isErrTty, io.columns ?? null]))`
    const none = '[false,false,false,null]'
    expect((await run(script)).err).toBe(none)
    const device = openSync('/dev/null', 'w')
    onTestFinished(() => closeSync(device))
    expect((await run(script, { stdout: device })).err).toBe(none)
  })

  it('let somebody else hear an interrupt, until he has heard enough', async () => {
    const script = `let heard = 0
      const leave = io.onInterrupt(() => heard += 1)
      process.kill(process.pid, 'SIGINT')
      while (heard === 0) await new Promise(setImmediate)
      leave()
      await io.out(String(heard))
      process.kill(process.pid, 'SIGINT')
      await new Promise((wake) => setTimeout(wake, 60_000))`
    expect(await run(script)).toMatchObject({ status: null, out: '1' })
  })
})
