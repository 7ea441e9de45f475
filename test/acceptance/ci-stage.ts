import { chmod, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type CiIssuer, ciIssuer } from './ci-issuer.ts'
import { type Home, makeHome, root } from './harness.ts'
import { freePort, trusted } from './oauth-stage.ts'

/** As the examples name the authority; in a test it is where that one listens. */
const NAMED = 'https://auth.example.com'

/** An authority over loopback TLS, a CI system that it has a trust for, and a machine for its jobs. */
export interface CiStage {
  readonly authority: Home
  readonly issuer: string
  readonly ci: CiIssuer
  /** Holds no authority, no secret and no token: what a job has, it is given. */
  readonly machine: Home
  /** What every process here needs to trust the one certificate. */
  readonly env: Readonly<Record<string, string>>
  /** What was issued: its state, client and scopes. */
  readonly issued: () => Promise<readonly Issued[]>
  /** A file of an example, with this authority in the place of the one that it names. */
  readonly example: (name: string) => Promise<string>
}

export interface Issued {
  readonly state: string
  readonly clientId: string
  readonly scopes: readonly string[]
  readonly createdBy: string
}

/** Asks the authority as a server would that is being deployed to; and says its token, as careless scripts do. */
const deploy = (dataDir: string, isCareless: boolean): string => `#!/bin/sh
set -eu
printf '%s' "$ACCESS_TOKEN" | env -u CREDCTL_SERVER CREDCTL_DATA_DIR='${dataDir}' \\
  credctl token verify - --audience https://deploy.example.com --scope deploy:prod
${isCareless ? 'echo "deployed with $ACCESS_TOKEN"' : ''}
# What credctl itself started has the one token, and nothing to get another with.
if [ -n "\${CREDCTL_EXEC-}" ] && env -u ACCESS_TOKEN | grep -E 'ID_TOKEN|eyJ'; then exit 1; fi
touch deployed
`

/** With an authority on which the commands of an example’s README have been run. */
export async function ciStage(
  folder: string,
  { isCareless = true }: { readonly isCareless?: boolean } = {},
): Promise<CiStage> {
  const ci = await ciIssuer()
  const [authority, machine] = [await makeHome(), await makeHome()]
  const { cert, key } = trusted()
  const certFile = await authority.write('cert.pem', cert)
  const keyFile = await authority.write('key.pem', key)
  const env = { NODE_EXTRA_CA_CERTS: certFile }
  const port = await freePort()
  const issuer = `https://127.0.0.1:${port}`
  await authority.json(['init', '--issuer', issuer])
  const example = async (name: string): Promise<string> =>
    (await readFile(join(root, 'examples', folder, name), 'utf8')).replaceAll(NAMED, issuer)
  const [, commands = ''] = /```sh\n(.*?)```/s.exec(await example('README.md')) ?? []
  expect(commands).toMatch(/credctl client create[^]*credctl trust create/)
  // The one thing that is not as it stands there: the system is one of this machine.
  const here = `--issuer ${ci.issuer} --allow-private`
  const made = await authority.shell(`${commands.trimEnd()} ${here}\n`, { env })
  expect(made).toMatchObject({ status: 0, err: expect.not.stringMatching(/warning/) })
  const listen = ['--listen', `127.0.0.1:${port}`, '--tls-cert', certFile, '--tls-key', keyFile]
  await authority.serve(listen, { env })
  const script = await machine.write('deploy.sh', deploy(authority.dataDir, isCareless))
  await chmod(script, 0o700)
  // What the examples install is installed.
  await chmod(await machine.write('bin/npm', '#!/bin/sh\n'), 0o700)
  return {
    authority,
    machine,
    issuer,
    ci,
    env,
    example,
    issued: async () => (await authority.json(['token', 'list'])).items,
  }
}
