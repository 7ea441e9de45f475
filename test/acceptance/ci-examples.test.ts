import { existsSync } from 'node:fs'
import { expect, it } from 'vitest'
import { type CiStage, ciStage } from './ci-stage.ts'
import { type JobRan, runBuildkite, runGithub, runGitlab } from './ci-runners.ts'

/** What a system’s token says of a job on the main branch, by the claims that its example binds. */
const GITHUB = {
  sub: 'repo:octo@583231/deploys@123456789:environment:production',
  repository: 'octo/deploys',
  repository_id: '123456789',
  repository_owner_id: '583231',
  ref: 'refs/heads/main',
  environment: 'production',
  event_name: 'push',
}
const GITLAB = {
  sub: 'project_path:octo/deploys:ref_type:branch:ref:main',
  job_project_id: '4711',
  project_id: '4711',
  ref: 'main',
  ref_protected: 'true',
}
const BUILDKITE = {
  sub: 'organization:octo:pipeline:deploys:ref:refs/heads/main:commit:abc:step:deploy',
  organization_slug: 'octo',
  organization_id: '0186c5e7-0000-4c5d-8e6f-123456789abc',
  pipeline_slug: 'deploys',
  pipeline_id: '0186c5e7-3a4b-4c5d-8e6f-123456789abc',
  build_branch: 'main',
}

/** The script ran with a token that was good, nothing is left of that, and no log shows it. */
async function mustHaveDeployed({ machine, issued }: CiStage, ran: JobRan, tokens = 1) {
  expect(ran, ran.log).toMatchObject({ status: 0 })
  expect(ran.log).toMatch(/accepted/)
  expect(ran.log).not.toMatch(/eyJ/)
  expect(existsSync(machine.path('deployed'))).toBe(true)
  const all = await issued()
  expect(all).toHaveLength(tokens)
  for (const one of all) {
    expect(one).toMatchObject({
      state: 'revoked',
      clientId: 'deploy-bot',
      createdBy: 'client:deploy-bot',
      scopes: ['deploy:prod'],
    })
  }
}

it('GitHub Actions: both jobs deploy with a token that no log shows and that nobody has afterwards', async () => {
  const stage = await ciStage('github-actions')
  const file = await stage.example('deploy.yml')
  for (const [index, job] of ['deploy', 'deploy-in-steps'].entries()) {
    const ran = await runGithub(stage, { file, job, claims: GITHUB })
    await mustHaveDeployed(stage, ran, index + 1)
    expect(ran.masked).toHaveLength(1)
    expect(ran.log).toMatch(/deployed with \*\*\*/)
  }
  // A deploy that fails leaves none either.
  await stage.machine.write('deploy.sh', '#!/bin/sh\nexit 7\n')
  for (const job of ['deploy', 'deploy-in-steps']) {
    expect(await runGithub(stage, { file, job, claims: GITHUB })).toMatchObject({ status: 7 })
  }
  expect((await stage.issued()).map(({ state }) => state)).toEqual(Array(4).fill('revoked'))
  // Without the permission that the example gives there is no identity, and it is said how to get one.
  const without = file.replaceAll('id-token: write', 'id-token: none')
  const refused = await runGithub(stage, { file: without, job: 'deploy', claims: GITHUB })
  expect(refused.status).toBe(4)
  expect(refused.log).toMatch(/permissions: \{ id-token: write/)
  // And not from another branch.
  const claims = { ...GITHUB, ref: 'refs/heads/dev' }
  const elsewhere = await runGithub(stage, { file, job: 'deploy-in-steps', claims })
  expect(elsewhere.status).toBe(5)
  expect(elsewhere.log).toMatch(/^NO +ref +refs\/heads\/main +refs\/heads\/dev$/m)
  expect(await stage.issued()).toHaveLength(4)
})

it('GitLab: both jobs deploy, and nobody has the token afterwards', async () => {
  const stage = await ciStage('gitlab-ci', { isCareless: false })
  const file = await stage.example('.gitlab-ci.yml')
  for (const [index, job] of ['deploy', 'deploy-in-steps'].entries()) {
    await mustHaveDeployed(stage, await runGitlab(stage, { file, job, claims: GITLAB }), index + 1)
  }
  expect(existsSync(stage.machine.path('project.token'))).toBe(false)
  // The pipeline of a merge request from a fork: the job is not the project’s.
  const claims = { ...GITLAB, job_project_id: '99' }
  const refused = await runGitlab(stage, { file, job: 'deploy', claims })
  expect(refused.status).toBe(5)
  expect(refused.log).toMatch(/^NO +job_project_id +4711 +99$/m)
})

it('Buildkite: the step deploys with a token that the agent redacts, and nobody has it afterwards', async () => {
  const stage = await ciStage('buildkite')
  const file = await stage.example('pipeline.yml')
  const ran = await runBuildkite(stage, { file, key: 'deploy', claims: BUILDKITE })
  await mustHaveDeployed(stage, ran)
  expect(ran.masked).toHaveLength(1)
  expect(ran.log).toMatch(/deployed with \*\*\*/)
  const claims = { ...BUILDKITE, pipeline_id: 'another' }
  const refused = await runBuildkite(stage, { file, key: 'deploy', claims })
  expect(refused.status).toBe(5)
  expect(refused.log).toMatch(/^NO +pipeline_id +0186c5e7\S+ +another$/m)
})
