import type { TrustForm } from './trust.ts'

/** What is known of an issuer's identity tokens. */
export interface FormFacts {
  /** The issuer, where there is one for all; an instance of one's own has another. */
  readonly issuer?: string
  /**
   * Claims that name who runs and that nobody else can come to have: a number given once and for all.
   * A name can be given up, and taken by a stranger who then passes for its old owner.
   */
  readonly immutable: readonly string[]
  /** All claims there are; a trust on another one can never match. Absent: anybody's own. */
  readonly known?: readonly string[]
  /** Claims that look as if they bound something, and what to bind instead. */
  readonly misleading: Readonly<Record<string, string>>
}

const STANDARD = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti']

/** Claims as the vendors document them; a claim named `prefix*` stands for all that begin so. */
export const formFacts: Readonly<Record<TrustForm, FormFacts>> = {
  'github-actions': {
    issuer: 'https://token.actions.githubusercontent.com',
    immutable: ['repository_id', 'repository_owner_id', 'enterprise_id', 'actor_id'],
    known: [
      ...STANDARD,
      'actor',
      'actor_id',
      'base_ref',
      'check_run_id',
      'enterprise',
      'enterprise_id',
      'environment',
      'environment_node_id',
      'event_name',
      'head_ref',
      'job_workflow_ref',
      'job_workflow_sha',
      'ref',
      'ref_protected',
      'ref_type',
      'repository',
      'repository_id',
      'repository_owner',
      'repository_owner_id',
      'repository_visibility',
      'repo_property_*',
      'run_id',
      'run_number',
      'run_attempt',
      'runner_environment',
      'sha',
      'workflow',
      'workflow_ref',
      'workflow_sha',
      'issuer_scope',
    ],
    misleading: {
      sub: 'its form changed for repositories made since July 2026; bind repository_id',
      repository: 'a name can be given up and taken by others; bind repository_id',
      repository_owner: 'a name can be given up and taken by others; bind repository_owner_id',
      actor: 'a login can be renamed and taken by others; bind actor_id',
    },
  },
  gitlab: {
    issuer: 'https://gitlab.com',
    immutable: ['job_project_id', 'job_namespace_id', 'project_id', 'namespace_id', 'user_id'],
    known: [
      ...STANDARD,
      'namespace_id',
      'namespace_path',
      'project_id',
      'project_path',
      'user_id',
      'user_login',
      'user_email',
      'user_access_level',
      'user_identities',
      'groups_direct',
      'job_project_id',
      'job_project_path',
      'job_namespace_id',
      'job_namespace_path',
      'pipeline_id',
      'pipeline_source',
      'job_id',
      'ref',
      'ref_type',
      'ref_path',
      'ref_protected',
      'environment',
      'environment_protected',
      'deployment_tier',
      'environment_action',
      'runner_id',
      'runner_environment',
      'sha',
      'ci_config_ref_uri',
      'ci_config_sha',
      'project_visibility',
      'job_source',
      'job_config',
    ],
    misleading: {
      project_id: 'in a merge request it is the fork; bind job_project_id',
      namespace_id: 'in a merge request it is that of the fork; bind job_namespace_id',
      project_path: 'a path can be given up and taken by others; bind job_project_id',
      sub: 'it holds a path, which can be taken by others; bind job_project_id',
    },
  },
  buildkite: {
    issuer: 'https://agent.buildkite.com',
    immutable: ['organization_id', 'pipeline_id', 'cluster_id'],
    known: [
      ...STANDARD,
      'organization_slug',
      'organization_id',
      'pipeline_slug',
      'pipeline_id',
      'build_number',
      'build_id',
      'build_branch',
      'build_tag',
      'build_commit',
      'build_source',
      'step_key',
      'job_id',
      'agent_id',
      'cluster_id',
      'cluster_name',
      'queue_id',
      'queue_key',
      'runner_environment',
      'agent_tag:*',
    ],
    misleading: {
      organization_slug: 'a slug can change hands; ask for organization_id and bind that',
      pipeline_slug: 'a slug can change hands; ask for pipeline_id and bind that',
    },
  },
  oidc: { immutable: ['sub'], misleading: {} },
}

/** Whether an issuer of this form ever puts that claim into a token. */
export function isKnownClaim({ known }: FormFacts, claim: string): boolean {
  if (known === undefined) return true
  return known.some((one) =>
    one.endsWith('*') ? claim.startsWith(one.slice(0, -1)) : one === claim,
  )
}
