/**
 * Certificates and keys on disk, and what servers show: facts in, nothing judged.
 *
 *     files of `tls:` ─► readTlsFiles ─┐
 *     of `user:` ─► readPasswordFile ──┤
 *     an etcd's port  ─► callServer  ──┴─► facts (model/certificate.ts) ─► src/diagnose judges them
 *     src/site says what is missing ─► issue ─► openssl ─► NAME.key, NAME.pem, each whole or not there
 *
 * Node reads certificates (X509Certificate) and makes keys; it cannot sign certificates, so openssl does, as a process, at
 * the command line only: the daemon never signs (decision 0081). What cannot be read is a fact with a code. Every key is
 * written by us with mode 0600 before anything else happens to it, and never goes over a command line.
 */
export {IssueFailed, issue} from './authority.ts'
export {certificateFacts, parseCertificates} from './facts.ts'
export {fileSignature, readPasswordFile, readTlsFiles} from './files.ts'
export {callServer} from './presented.ts'
