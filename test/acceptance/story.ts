import { readFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'
import { expect } from 'vitest'
import { parseDuration } from '#kernel/duration.ts'
import { runCli } from '../unit/cli/harness.ts'
import { createWorld } from '../unit/world.ts'
import { type Home, type Json, makeHome, type Ran } from './harness.ts'

/** A story: lines to run and to check, and the files that lie about when it begins. */
export interface Story {
  readonly title: string
  readonly lines: readonly { readonly number: number; readonly text: string }[]
  readonly files: ReadonlyMap<string, string>
}

/**
 * Reads a story in txtar form: the script, then `-- name --` and the text of each file.
 *
 * The script, a line each; `$NAME` stands for what was saved, and words are split as in a shell:
 *
 * - `run credctl …`, with `< FILE` or `> FILE` at its end; unless `status` follows, it must be 0
 * - `status N`, then on the streams `stdout REGEX`, `stderr REGEX`, `! stdout REGEX`, `empty stdout`
 * - `json .path = value` and `problem .path = value`: a value in the JSON on stdout, on stderr
 * - `save NAME .path` of the JSON, or `save NAME` of the trimmed stdout
 * - `env NAME=VALUE` for the runs that follow; `env NAME=` takes it away again
 * - `shell …`, a line as `sh` reads it; only where no `clock` is moved
 * - `clock +90s`: the story is then run in one process, in a world whose clock stands still otherwise
 */
export function readStory(path: string): Story {
  const [script = '', ...rest] = readFileSync(path, 'utf8').split(/^-- (.+) --\n/m)
  const files = new Map<string, string>()
  for (let at = 0; at < rest.length; at += 2) files.set(rest[at] ?? '', rest[at + 1] ?? '')
  const lines = script
    .split('\n')
    .map((text, index) => ({ number: index + 1, text: text.trim() }))
    .filter(({ text }) => text !== '' && !text.startsWith('#'))
  return { title: /^# (.*)/.exec(script)?.[1] ?? path, lines, files }
}

/** Where a story takes place. */
interface Stage {
  readonly run: (argv: readonly string[], stdin: string | undefined) => Promise<Ran>
  readonly shell: (script: string) => Promise<Ran>
  readonly read: (name: string) => Promise<string>
  readonly write: (name: string, text: string) => Promise<unknown>
  readonly advance: (seconds: number) => void
  readonly env: Map<string, string>
}

export async function play(story: Story): Promise<void> {
  const stage = story.lines.some(({ text }) => text.startsWith('clock '))
    ? await worldStage()
    : processStage(await makeHome())
  for (const [name, text] of story.files) await stage.write(name, text)
  const course: Course = {
    stage,
    saved: new Map(),
    secrets: new Set(),
    last: undefined,
    isStatusChecked: true,
  }
  for (const { number, text } of story.lines) {
    try {
      await take(course, text)
    } catch (failure) {
      if (failure instanceof Error) failure.message = `line ${number}: ${text}\n${failure.message}`
      throw failure
    }
  }
  settle(course)
}

function processStage(home: Home): Stage {
  const env = new Map<string, string>()
  const options = () => ({ env: Object.fromEntries(env) })
  return {
    run: (argv, stdin) => home.run(argv, { stdin, ...options() }),
    shell: (script) => home.shell(script, options()),
    read: home.read,
    write: home.write,
    advance: () => unreachable('the clock of a machine is not ours to move'),
    env,
  }
}

const unreachable = (why: string): never => {
  throw new Error(why)
}

/** The real authority and the real command line in this process, for stories in which time passes. */
async function worldStage(): Promise<Stage> {
  const { admin, clock } = await createWorld()
  const files = new Map<string, string>()
  const env = new Map<string, string>()
  return {
    run: (argv, stdin) =>
      runCli({
        argv,
        admin,
        now: clock.now(),
        env: Object.fromEntries(env),
        files: Object.fromEntries(files),
        ...(stdin === undefined ? {} : { stdin }),
      }),
    shell: async () => unreachable('there is no shell in a world of values'),
    read: async (name) => files.get(name) ?? unreachable(`there is no file ${name}`),
    write: async (name, text) => void files.set(name, text),
    advance: (seconds) => clock.advance(seconds * 1000),
    env,
  }
}

/** What was last run, and what was saved of it and before. */
interface Course {
  readonly stage: Stage
  readonly saved: Map<string, string>
  readonly secrets: Set<string>
  last: Ran | undefined
  isStatusChecked: boolean
}

async function take(course: Course, text: string): Promise<void> {
  const [verb = ''] = text.split(' ', 1)
  const rest = text.slice(verb.length).trim()
  if (verb === 'status') return mustEnd(course, Number(rest))
  settle(course)
  if (verb === 'run') return await run(course, rest)
  if (verb === 'shell') return ended(course, await course.stage.shell(filled(course, rest)))
  if (verb === 'clock') return course.stage.advance(parseDuration(rest.slice(1)) ?? Number.NaN)
  if (verb === 'env') return setEnv(course, rest)
  if (verb === 'save') return save(course, rest)
  check(ranOf(course), verb, rest, (part) => filled(course, part))
}

/** What was run and not spoken of must have gone well. */
function settle(course: Course): void {
  if (!course.isStatusChecked) mustEnd(course, 0)
}

async function run(course: Course, line: string): Promise<void> {
  const words = wordsOf(line).map((word) => filled(course, word))
  const program = words.shift()
  if (program !== 'credctl') throw new Error(`what is run is credctl, not ${program}`)
  const target = redirection(words, '>')
  const source = redirection(words, '<')
  const stdin = source === undefined ? undefined : await course.stage.read(source)
  const ran = await course.stage.run(words, stdin)
  ended(course, ran)
  if (handsOut(words)) for (const secret of secretsIn(ran.out)) course.secrets.add(secret)
  if (target !== undefined) await course.stage.write(target, ran.out)
}

function ended(course: Course, ran: Ran): void {
  course.last = ran
  course.isStatusChecked = false
  mustBeDiscreet(ran, course.secrets)
}

function ranOf({ last }: Course): Ran {
  if (last === undefined) throw new Error('nothing was run yet')
  return last
}

function mustEnd(course: Course, status: number): void {
  course.isStatusChecked = true
  const { out, err, status: ended } = ranOf(course)
  expect(ended, `${out}${err}`).toBe(status)
  mustHelp(ranOf(course))
}

function setEnv(course: Course, given: string): void {
  const [name = '', value = ''] = given.split('=', 2)
  if (value === '') course.stage.env.delete(name)
  else course.stage.env.set(name, filled(course, value))
}

function save(course: Course, given: string): void {
  const [name = '', path] = given.split(' ')
  const { out } = ranOf(course)
  const value = path === undefined ? out.trim() : at(JSON.parse(out), path)
  if (value === undefined) throw new Error(`there is no ${path} in ${out}`)
  course.saved.set(name, typeof value === 'string' ? value : JSON.stringify(value))
}

function check(
  { out, err }: Ran,
  verb: string,
  rest: string,
  fill: (text: string) => string,
): void {
  const pattern = (text: string): RegExp => new RegExp(fill(text), 'm')
  if (verb === 'stdout') return expect(out).toMatch(pattern(rest))
  if (verb === 'stderr') return expect(err).toMatch(pattern(rest))
  if (verb === 'empty') return expect(rest === 'stdout' ? out : err).toBe('')
  if (verb === '!') {
    const [stream = '', ...words] = rest.split(' ')
    return expect(stream === 'stdout' ? out : err).not.toMatch(pattern(words.join(' ')))
  }
  const [path = '', value = ''] = rest.split(' = ', 2).map(fill)
  if (verb === 'json') return expect(at(JSON.parse(out), path)).toEqual(valueOf(value))
  if (verb === 'problem') return expect(at(lastProblem(err), path)).toEqual(valueOf(value))
  throw new Error(`a story has no word ${verb}`)
}

/** Warnings may stand before it, a line each. */
const lastProblem = (err: string): Json => JSON.parse(err.trimEnd().split('\n').at(-1) ?? '')

/** `$NAME` as it was saved; any other dollar stays what it is. */
const filled = ({ saved }: Course, text: string): string =>
  text.replaceAll(/\$([A-Z][A-Z_0-9]*)/g, (whole, name: string) => saved.get(name) ?? whole)

/** The two commands whose very answer is a secret, and this once. */
const handsOut = ([noun, verb]: readonly string[]): boolean =>
  (noun === 'token' && verb === 'issue') || (noun === 'client' && verb === 'create')

/** The signature of a token makes it one; its claims are on every list. */
const secretsIn = (text: string): readonly string[] => [
  ...[...text.matchAll(/eyJ[\w-]+\.[\w-]+\.([\w-]{40,})/g)].map(([, signature]) => signature ?? ''),
  ...[...text.matchAll(/"clientSecret": ?"([^"]+)"/g)].map(([, secret]) => secret ?? ''),
]

/** No secret that was handed out before, and nothing of the program's inside. */
export function mustBeDiscreet({ out, err }: Ran, secrets: Iterable<string>): void {
  const said = out + err
  for (const secret of secrets) expect(said.includes(secret), 'a secret was said again').toBe(false)
  expect(err).not.toMatch(/^\s+at .+:\d+:\d+\)?$/m)
  expect(err).not.toMatch(/\bnode:internal\b|\[internal\]|"code":"internal"/)
}

/** Whoever fails says what, why, under which code, and what to do next. */
export function mustHelp({ status, out, err }: Ran): void {
  // A decision against a token is a result and no failure: it says why, on stdout.
  if (status === 0 || (status === 1 && err === '' && out !== '')) return
  const plain = stripVTControlCharacters(err)
  if (plain.trimEnd().split('\n').at(-1)?.startsWith('{') === true) {
    expect(lastProblem(plain)).toMatchObject({
      type: expect.stringMatching(/^urn:credctl:problem:/),
      title: expect.stringMatching(/./),
      detail: expect.stringMatching(/./),
      code: expect.stringMatching(/^[a-z-]+$/),
      next: expect.stringMatching(/./),
    })
    return
  }
  expect(plain).toMatch(/^credctl: [^:]+: .+ \[[a-z-]+\]$/m)
  expect(plain).toMatch(/^ {2}next: ./m)
}

const wordsOf = (line: string): string[] =>
  (line.match(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g) ?? []).map((word) =>
    word.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'),
  )

function redirection(words: string[], sign: '<' | '>'): string | undefined {
  const found = words.indexOf(sign)
  return found === -1 ? undefined : words.splice(found, 2)[1]
}

/** `.items[0].id`, `.items.length`; `.` is the whole. */
const at = (value: Json, path: string): Json =>
  (path.match(/[\w-]+/g) ?? []).reduce((inner: Json, key) => inner?.[key], value)

function valueOf(text: string): Json {
  if (text === 'undefined') return undefined
  if (/^\/.*\/$/.test(text)) return expect.stringMatching(new RegExp(text.slice(1, -1)))
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
