import type { Environment, Io, Style } from '#cli/kit.ts'
import { type Problem, problemDocument, rowOf } from '#kernel/problem.ts'
import { clean } from './text.ts'

/** The formats whose readers are programs: their errors are one line of JSON. */
export const isForPrograms = (format: string): boolean => ['json', 'jsonl', 'yaml'].includes(format)

/**
 * The format asked for, as far as it can be told from a command line that may itself be the mistake:
 * the last `-o` before `--`, then the environment.
 */
export function errorFormat(argv: readonly string[], env: Environment): string {
  let format = env['CREDCTL_OUTPUT'] ?? 'table'
  for (const [index, word] of argv.entries()) {
    if (word === '--') break
    if (word === '-o' || word === '--output') format = argv[index + 1] ?? format
    else if (word.startsWith('--output=')) format = word.slice('--output='.length)
    else if (/^-o./.test(word)) format = word.slice(2).replace(/^=/, '')
  }
  return format
}

/** Writes a problem to stderr: sentences for people, RFC 9457 on one line for programs. */
export function showProblem(
  io: Io,
  problem: Problem,
  options: {
    readonly format: string
    readonly style: Style
    readonly path: readonly string[]
    readonly withCause: boolean
  },
): void {
  if (isForPrograms(options.format)) {
    const instance =
      problem.requestId === undefined || problem.requestId === ''
        ? `urn:credctl:command:${options.path.join(':')}`
        : `urn:credctl:request:${problem.requestId}`
    io.err(`${JSON.stringify(problemDocument(problem, instance))}\n`)
  } else {
    io.err(`${sentences(problem, options.style).join('\n')}\n`)
  }
  if (options.withCause && problem.code === 'internal') io.err(`${causeOf(problem)}\n`)
}

function sentences(problem: Problem, style: Style): readonly string[] {
  const { title } = rowOf(problem.code)
  const head = `${style.red('credctl:')} ${style.bold(title)}: ${clean(problem.message)}`
  const lines = [`${head} ${style.dim(`[${problem.code}]`)}`]
  if (problem.next !== undefined) lines.push(`  next: ${clean(problem.next)}`)
  if (problem.requestId !== undefined && problem.requestId !== '') {
    lines.push(`  request: ${clean(problem.requestId)}`)
  }
  return lines
}

/** The stack of what was not foreseen, one line a frame. */
function causeOf({ cause }: Problem): string {
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
  return text.split('\n').map(clean).join('\n')
}
