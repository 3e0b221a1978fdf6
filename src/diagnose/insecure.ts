import type {Finding, TlsFiles} from '../model/index.ts'

/** What `insecure: true` has allowed stays in sight. */
export function judgeInsecure(
  source: string,
  {endpoints, tls}: {readonly endpoints: readonly string[]; readonly tls: TlsFiles | null},
): Finding[] {
  if (endpoints.length === 0 || (tls !== null && tls.cert !== null)) return []
  const detail =
    tls === null
      ? `${endpoints.join(', ')}: clear text; whoever is on the way can read and write policy`
      : `${endpoints.join(', ')}: no client certificate; whoever reaches this etcd may do what the gateway may`
  const remedy = 'certificates: `isthmus site init` here, a bundle of `isthmus site join` for another site'
  return [{code: 'datastore-insecure', severity: 'warning', where: {source, field: 'insecure'}, detail, remedy}]
}
