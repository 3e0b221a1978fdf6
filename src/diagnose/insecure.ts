import type {Finding, PasswordUser, TlsFiles} from '../model/index.ts'

/** What `insecure: true` has allowed stays in sight. */
export function judgeInsecure(
  source: string,
  {
    endpoints,
    tls,
    user,
  }: {readonly endpoints: readonly string[]; readonly tls: TlsFiles | null; readonly user: PasswordUser | null},
): Finding[] {
  if (endpoints.length === 0 || (tls !== null && (tls.cert !== null || user !== null))) return []
  const detail =
    tls === null
      ? `${endpoints.join(', ')}: clear text; whoever is on the way can ${user ? 'read the password, and ' : ''}read and write policy`
      : `${endpoints.join(', ')}: no client certificate; whoever reaches this etcd may do what the gateway may`
  const remedy = 'certificates: `isthmus site init` here, a bundle of `isthmus site join` for another site'
  return [{code: 'datastore-insecure', severity: 'warning', where: {source, field: 'insecure'}, detail, remedy}]
}
