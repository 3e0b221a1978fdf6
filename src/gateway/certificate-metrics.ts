import {Gauge, type Registry} from 'prom-client'
import type {SourceId} from '../model/index.ts'

/** Three a source, whatever the files hold. */
export type CertificateRole = 'ca' | 'client' | 'server'

export interface Expiry {
  readonly source: SourceId
  readonly certificate: CertificateRole
  readonly notAfterMs: number
}

/** `observe` is called at scrape time; what is not known (no file, no answer yet) is not there. */
export function createCertificateMetrics(register: Registry) {
  const expiry = new Gauge({
    name: 'isthmus_datastore_certificate_expiry_timestamp_seconds',
    help: 'When a certificate runs out, by role: ca (the last of the file), client (ours), server (the first of the endpoints).',
    labelNames: ['source', 'certificate'],
    registers: [register],
  })
  return {
    observe(expiries: readonly Expiry[]): void {
      expiry.reset()
      for (const {source, certificate, notAfterMs} of expiries) expiry.set({source, certificate}, notAfterMs / 1000)
    },
  }
}
