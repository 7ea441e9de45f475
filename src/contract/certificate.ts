/** What a certificate of enforcement says: its claims, as they are signed. */
export type { CertificateClaims, CertificateMember } from '#domain/proof/certificate.ts'
