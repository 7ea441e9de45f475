import type { AuditEntry } from '#domain/audit/entry.ts'
import type { Page, PageRequest } from '#kernel/page.ts'
import type { AuditFilter } from '#store/port.ts'
import type { Deps } from './deps.ts'

export const listAudit = (
  { store }: Deps,
  filter: AuditFilter,
  page: PageRequest,
): Promise<Page<AuditEntry>> => store.read((tx) => tx.listAudit(filter, page))
