import { defineCommand } from '#cli/command.ts'
import { text, toggle } from '#cli/flags.ts'
import type { Context } from '#cli/kit.ts'
import type { Settings } from '#cli/settings.ts'
import { record } from '#cli/view.ts'
import { refuse } from '#kernel/problem.ts'
import { contextShape, warnOverruled } from './shape.ts'

/** `credctl context add`: names an authority. */
export const contextAdd = defineCommand({
  path: ['context', 'add'],
  summary: 'Name an authority',
  description: [
    'A context is a name for a server or for a data folder on this machine: --server URL (with --ca-cert, where its certificate needs one) or --data-dir DIR. It holds no secret; a token for a server comes from CREDCTL_TOKEN.',
  ],
  args: {
    name: text('Its name: letters, digits, `.`, `_` and `-`', {
      required: true,
      placeholder: 'NAME',
    }),
  },
  flags: { use: toggle('Use it from now on') },
  examples: [
    {
      run: 'credctl context add prod --server https://auth.example.com --use',
      about: 'Work with a server from now on',
    },
    { run: 'credctl context add lab --data-dir "$PWD/lab"', about: 'Name a folder' },
  ],
  output: [contextShape],
  exits: { 8: 'a context of that name exists' },
  seeAlso: ['context use', 'context list'],

  async run(kit, { name, use }) {
    if (!/^[A-Za-z0-9][\w.-]{0,63}$/.test(name)) {
      refuse('usage-invalid', 'NAME: it holds 1 to 64 letters, digits, `.`, `_` and `-`')
    }
    const context: Context = { name, ...targetOf(kit.settings) }
    await kit.contexts.add(context)
    if (use) await kit.contexts.use(name)
    const current = (await kit.contexts.current()) === name
    const headline = `Added context ${name}${current ? ', and it is in use' : ''}.`
    await kit.show(record(contextShape, { ...context, current }, { headline: [headline] }))
    if (use) warnOverruled(kit)
    if (!current) kit.hint(`to use it: credctl context use ${name}`)
    return {}
  },
})

/** The global flags say here what is to be named, and not where to work. */
function targetOf({ server, dataDir, caCert, context }: Settings): Omit<Context, 'name'> {
  if (context !== undefined)
    refuse('usage-invalid', '--context has no place here; NAME is the name')
  if ((server === undefined) === (dataDir === undefined)) {
    refuse('usage-invalid', 'a context needs either --server or --data-dir', {
      next: 'for example: credctl context add prod --server https://auth.example.com',
    })
  }
  if (dataDir !== undefined) {
    if (caCert !== undefined) refuse('usage-invalid', '--ca-cert is for a --server')
    mustBeAbsolute('--data-dir', dataDir)
    return { dataDir }
  }
  if (caCert !== undefined) mustBeAbsolute('--ca-cert', caCert)
  return { server: serverUrl(server ?? ''), ...(caCert === undefined ? {} : { caCert }) }
}

/** What is read from another folder must not mean another file. */
function mustBeAbsolute(flag: string, path: string): void {
  if (/^(?:[/\\]|[A-Za-z]:[/\\])/.test(path)) return
  refuse(
    'usage-invalid',
    `${flag}: a context needs an absolute path, as it is used from anywhere`,
    {
      next: `${flag} "$PWD/…"`,
    },
  )
}

function serverUrl(given: string): string {
  const url = URL.parse(given)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return refuse('usage-invalid', '--server takes an http or https URL', {
      next: 'for example --server https://auth.example.com',
    })
  }
  if (url.username !== '' || url.password !== '') {
    refuse('usage-invalid', '--server must not hold a user or password: contexts hold no secrets', {
      next: 'leave them out, and set CREDCTL_TOKEN to a token of the authority',
    })
  }
  if (url.search !== '' || url.hash !== '') {
    refuse('usage-invalid', '--server takes a URL without query and fragment')
  }
  return given
}
