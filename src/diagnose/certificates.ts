import type {
  CertificateFacts,
  CertificateFileFacts,
  Finding,
  FindingCode,
  PasswordFileFacts,
  PasswordUser,
  TlsFileFacts,
  TlsFiles,
} from '../model/index.ts'
import {judgeInsecure} from './insecure.ts'
import {openToAll} from './open-file.ts'
import {judgePassword} from './password.ts'
import type {CheckReport} from './report.ts'
import {unreadableRemedy} from './unreadable.ts'

const DAY_MS = 86_400_000
/** From here on a warning, and from the second an error: it is time to act, while everything still works. */
export const EXPIRY_WARNING_MS = 30 * DAY_MS
export const EXPIRY_ERROR_MS = 7 * DAY_MS

/** What is wrong with the files that `source` (`datastore main`, `export b`) is reached with; each names its file. */
export function judgeTlsFiles(source: string, tls: TlsFileFacts, nowMs: number): Finding[] {
  const found = (
    field: string,
    code: FindingCode,
    severity: Finding['severity'],
    detail: string,
    remedy: string,
  ): Finding => ({code, severity, where: {source, field: `tls.${field}`}, detail, remedy})
  return [...judgeAuthority(tls.ca, nowMs, found), ...judgeClient(tls, nowMs, found), ...judgeKey(tls, found)]
}

type Found = (
  field: string,
  code: FindingCode,
  severity: Finding['severity'],
  detail: string,
  remedy: string,
) => Finding

function* judgeAuthority(
  {file, fault, certificates}: CertificateFileFacts,
  nowMs: number,
  found: Found,
): Generator<Finding> {
  if (fault) {
    yield found('ca', 'certificate-unreadable', 'error', `${file}: ${fault.detail}`, unreadableRemedy(fault.code))
    return
  }
  const notCa = certificates.filter(({isCa}) => !isCa)
  for (const {subject} of notCa) {
    const detail = `${file}: ${subject} is no authority (basicConstraints lacks CA)`
    yield found(
      'ca',
      'certificate-usage',
      notCa.length === certificates.length ? 'error' : 'warning',
      detail,
      CA_REMEDY,
    )
  }
  if (!certificates.some(({selfSigned}) => selfSigned)) {
    const detail = `${file} ends in ${certificates.at(-1)!.issuer}, which is not in it: an intermediate authority alone is not trusted`
    yield found('ca', 'certificate-chain', 'error', detail, 'add the certificates up to the root, the self-signed one')
  }
  // An old authority may stay in the file while it is replaced; what counts is the one that lasts longest.
  const last = certificates.toSorted((a, b) => b.notAfterMs - a.notAfterMs)[0]!
  yield* judgeDates('ca', file, last, nowMs, found, '`isthmus site init --renew` at the site whose authority it is')
}

const CA_REMEDY = 'the file needs the certificate of the authority that signed the etcd’s, not that certificate itself'

function* judgeClient({cert, missingIssuer}: TlsFileFacts, nowMs: number, found: Found): Generator<Finding> {
  if (!cert) return
  const {file, fault, certificates} = cert
  const leaf = certificates[0]
  if (fault || !leaf) {
    const {detail, code} = fault ?? {detail: 'empty', code: 'malformed'}
    yield found('cert', 'certificate-unreadable', 'error', `${file}: ${detail}`, unreadableRemedy(code))
    return
  }
  if (leaf.usages && !leaf.usages.includes('clientAuth')) {
    const detail = `${file}: ${leaf.subject} is for ${leaf.usages.join(', ')}, not for clients (clientAuth)`
    yield found('cert', 'certificate-usage', 'error', detail, 'issue it with extendedKeyUsage = clientAuth')
  }
  if (leaf.commonName === null) {
    const detail = `${file} has no common name, so etcd takes its holder for no user`
    yield found('cert', 'certificate-usage', 'warning', detail, "issue it with the etcd user's name as CN")
  }
  if (missingIssuer !== null) {
    const detail = `${file}: the way from ${leaf.subject} to a root breaks off at ${missingIssuer}`
    const remedy = `add the certificate of ${missingIssuer} to ${file}, behind the first one`
    yield found('cert', 'certificate-chain', 'warning', detail, remedy)
  }
  yield* judgeDates('cert', file, leaf, nowMs, found, RENEW_CLIENT)
}

const RENEW_CLIENT =
  '`isthmus site init --renew` here, or a new bundle of the site whose etcd it is (`site join --renew`)'

function* judgeKey({key, cert}: TlsFileFacts, found: Found): Generator<Finding> {
  if (!key) return
  const {file, fault, mode, matches} = key
  if (fault)
    yield found('key', 'certificate-unreadable', 'error', `${file}: ${fault.detail}`, unreadableRemedy(fault.code))
  if (matches === false) {
    const detail = `${file} is not the key of ${cert?.file}`
    yield found('key', 'certificate-key-mismatch', 'error', detail, 'put back the pair that was made together')
  }
  const open = openToAll(file, mode)
  if (open) yield found('key', 'certificate-key-open', 'warning', open, `chmod 0600 ${file}`)
}

/** Not yet valid, expired, or near it. */
function* judgeDates(
  field: string,
  file: string,
  {subject, notBeforeMs, notAfterMs, notAfter}: CertificateFacts,
  nowMs: number,
  found: Found,
  remedy: string,
): Generator<Finding> {
  const left = notAfterMs - nowMs
  if (left <= 0) {
    yield found(field, 'certificate-expired', 'error', `${file}: ${subject} expired on ${notAfter}`, remedy)
  } else if (nowMs < notBeforeMs) {
    const hours = Math.ceil((notBeforeMs - nowMs) / 3_600_000)
    const detail = `${file}: ${subject} is not valid for another ${hours} h`
    yield found(field, 'certificate-not-yet-valid', 'error', detail, 'is the clock of this machine right?')
  } else if (left < EXPIRY_WARNING_MS) {
    const severity = left < EXPIRY_ERROR_MS ? 'error' : 'warning'
    const detail = `${file}: ${subject} expires in ${Math.floor(left / DAY_MS)} d, on ${notAfter}`
    yield found(field, 'certificate-expiring', severity, detail, remedy)
  }
}

/** All files of all datastores and sites, with what each certificate is and how long it is good. */
export function checkTlsFiles(
  places: readonly {
    readonly source: string
    readonly endpoints: readonly string[]
    readonly files: TlsFiles | null
    readonly user: PasswordUser | null
    readonly tls: TlsFileFacts | null
    readonly password: PasswordFileFacts | null
  }[],
  nowMs: number,
): CheckReport {
  const days = (ms: number): string => `${Math.floor((ms - nowMs) / DAY_MS)} d`
  const evidence = places.flatMap(({source, user, tls}) => {
    const login = user ? [`${source}: user ${user.name}, with the password in ${user.passwordFile}`] : []
    if (!tls) return [`${source}: no certificates`, ...login]
    const lines = [tls.ca, ...(tls.cert ? [tls.cert] : [])].flatMap(({file, certificates}) =>
      certificates.map(
        ({subject, notAfter, notAfterMs}) => `${source}: ${file}: ${subject}, until ${notAfter} (${days(notAfterMs)})`,
      ),
    )
    return [...(lines.length > 0 ? lines : [`${source}: none that can be read`]), ...login]
  })
  const findings = places.flatMap(({source, endpoints, files, user, tls, password}) => [
    ...judgeInsecure(source, {endpoints, tls: files, user}),
    ...(tls ? judgeTlsFiles(source, tls, nowMs) : []),
    ...(password ? judgePassword(source, password) : []),
  ])
  return {check: 'certificates', evidence, findings, unreachable: null}
}
