/** What an operator's token may be allowed: one scope to read and one to write each noun. */
export const adminScopes = [
  'admin:audit:read',
  'admin:authority:read',
  'admin:clients:read',
  'admin:clients:write',
  'admin:credentials:read',
  'admin:credentials:write',
  'admin:keys:read',
  'admin:keys:write',
  'admin:revocations:read',
  'admin:revocations:write',
  'admin:trusts:read',
  'admin:trusts:write',
  'admin:verifiers:read',
  'admin:verifiers:write',
] as const
export type AdminScope = (typeof adminScopes)[number]

export const isAdministrative = (scope: string): boolean =>
  scope === '*' || scope === 'admin' || scope.startsWith('admin:')
