/** One certificate, as far as a connection depends on it. */
export interface CertificateFacts {
  /** `O=isthmus a, CN=isthmus`. */
  readonly subject: string
  /** What etcd takes for the user of a client that comes with it; null: none. */
  readonly commonName: string | null
  readonly issuer: string
  readonly selfSigned: boolean
  readonly isCa: boolean
  /** Names and addresses of a server: `192.0.2.1`, `etcd.example`. */
  readonly hosts: readonly string[]
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** The same for people: `2027-11-26`. */
  readonly notAfter: string
  /** Extended key usage, `serverAuth`, `clientAuth` or a number (OID); null: it says none, so any. */
  readonly usages: readonly string[] | null
  /** SHA-256, to tell two of one name apart. */
  readonly fingerprint: string
}

/** Why a file gives nothing. `denied` and `missing` are the system's; `malformed`: it is something else than it should be. */
export interface FileFault {
  readonly code: 'missing' | 'denied' | 'malformed' | 'failed'
  readonly detail: string
}

export interface CertificateFileFacts {
  readonly file: string
  readonly fault: FileFault | null
  /** In the order of the file; empty with a fault. */
  readonly certificates: readonly CertificateFacts[]
}

export interface KeyFileFacts {
  readonly file: string
  readonly fault: FileFault | null
  /** Permission bits; null: it could not be looked at. */
  readonly mode: number | null
  /** Whether the first certificate of `cert` is this key's; null: one of them cannot be read. */
  readonly matches: boolean | null
}

/** Where a password lies; what it is nobody is told. */
export interface PasswordFileFacts {
  readonly file: string
  readonly fault: FileFault | null
  /** Permission bits; null: it could not be looked at. */
  readonly mode: number | null
}

/** The files that one datastore or site is reached with. */
export interface TlsFileFacts {
  readonly ca: CertificateFileFacts
  readonly cert: CertificateFileFacts | null
  readonly key: KeyFileFacts | null
  /** Name of the issuer at which the chain of `cert`, over its own file and `ca`, breaks off; null: it ends in a root. */
  readonly missingIssuer: string | null
  /** Whether that chain ends in a certificate of `ca`; null: there is none to follow. */
  readonly fromCa: boolean | null
}

/** What a server showed when it was called with these files. */
export interface PresentedFacts {
  readonly endpoint: string
  /** Where it ended: `name`, `tcp`, `tls`; `certificate`: the server's is not trusted; `client`: it refuses ours. */
  readonly stage: 'name' | 'tcp' | 'tls' | 'certificate' | 'client' | 'accepted'
  /** Code and words of what ended it; null where it was accepted. */
  readonly fault: {readonly code: string; readonly detail: string} | null
  /** Addresses that the name stands for, or the address itself. */
  readonly addresses: readonly string[]
  /** `TLSv1.3`. */
  readonly protocol: string | null
  /** The server's own first, then the issuers that it sent. */
  readonly certificates: readonly CertificateFacts[]
}

/** A certificate that is to be made, with its key. */
export interface CertificateOrder {
  /** Path in the folder without ending; `NAME.pem` and `NAME.key` are made. */
  readonly name: string
  readonly subject: {readonly organisation: string; readonly commonName: string | null}
  /** Names and addresses of a server. */
  readonly hosts: readonly string[]
  readonly authority: boolean
  readonly usages: readonly ('serverAuth' | 'clientAuth')[]
  readonly days: number
  /** Name of the authority in the same folder that signs it; null: it signs itself. */
  readonly issuer: string | null
  /** The key that is there is used again: what an authority has signed stays good. */
  readonly sameKey: boolean
}
