#!/usr/bin/env node
// Every Node back to 12.17 must be able to parse this file, so that an old one is told what it lacks
// instead of failing on a word it does not know: no `??`, no top-level `await`, no import lines.
// What it does is paid for by every command, so it loads nothing but the bundle.

const supported = () => {
  const [major, minor] = process.versions.node.split('.').map(Number)
  return (major === 24 && 15 <= minor) || 26 <= major
}

/**
 * Lets Node keep the compiled bundle, so that every command but the first starts without compiling.
 *
 * Compiled code is code. It lies under this user's own home and never in the shared /tmp; where home
 * or the folder is another's (`sudo` with the caller's HOME), or others may write to it, there is no
 * cache: it would run their code as us, or leave our files in their way.
 */
const keepCompiledCode = () => {
  const { env } = process
  if (env.NODE_DISABLE_COMPILE_CACHE || env.NODE_COMPILE_CACHE) return
  try {
    const { isAbsolute, join } = process.getBuiltinModule('path')
    const { lstatSync, mkdirSync, statSync } = process.getBuiltinModule('fs')
    const mine = ({ uid }) => !process.getuid || uid === process.getuid()

    // The XDG specification has relative paths ignored.
    const xdg = env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME) ? env.XDG_CACHE_HOME : ''
    const home = xdg || env.HOME || process.getBuiltinModule('os').homedir()
    if (!mine(statSync(home))) return
    const folder = join(xdg || join(home, '.cache'), 'credctl', 'compile-cache')
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const found = lstatSync(folder)
    if (!mine(found) || (process.getuid && (found.mode & 0o022) !== 0)) return
    process.getBuiltinModule('module').enableCompileCache(folder)
  } catch {
    // A cache that cannot be had costs time and nothing else: a read-only home must not stop anyone.
  }
}

const start = () => {
  keepCompiledCode()
  import('../dist/cli.js').then(
    async ({ main }) => {
      process.exitCode = await main(process.argv.slice(2))
    },
    (error) => {
      // A package missing from an installation is another matter, and says its own name.
      const bundle = new URL('../dist/cli.js', import.meta.url).href
      if (error.code !== 'ERR_MODULE_NOT_FOUND' || error.url !== bundle) throw error
      process.exitCode = 1
      process.stderr.write(
        'credctl is not built yet: dist/cli.js is missing. Run `npm run build`.\n',
      )
    },
  )
}

if (supported()) {
  start()
} else {
  process.exitCode = 1
  process.stderr.write(
    `credctl keeps its data in the SQLite that is built into Node, so it needs Node 26 or later, or ` +
      `24.15 or a later 24; this is ${process.version}. In a checkout, run \`npx credctl …\`, which ` +
      'brings its own Node; elsewhere, install Node 26.\n',
  )
}
