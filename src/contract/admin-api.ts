import { auditApi } from './admin/audit.ts'
import { authorityApi } from './admin/authority.ts'
import { clientApi } from './admin/client.ts'
import { credentialApi } from './admin/credential.ts'
import { keyApi } from './admin/key.ts'
import { revocationApi } from './admin/revocation.ts'
import { trustApi } from './admin/trust.ts'
import { verifierApi } from './admin/verifier.ts'
import { feedApi } from './feed.ts'
import type { Operations } from './route.ts'

/** The whole admin API. HTTP is one of its transports. */
export const adminApi = {
  ...authorityApi,
  ...clientApi,
  ...credentialApi,
  ...revocationApi,
  ...keyApi,
  ...auditApi,
  ...trustApi,
  ...verifierApi,
  ...feedApi,
}
export type AdminApi = typeof adminApi
export type Admin = Operations<AdminApi>
