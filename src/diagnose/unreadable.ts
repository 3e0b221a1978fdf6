/** What to do about a file that gives nothing, by the code of its fault. */
export function unreadableRemedy(code: string): string {
  if (code === 'denied') return 'the user that runs isthmus must be able to read it'
  if (code === 'missing') return 'put it there, or correct the path in gateway.yaml'
  return 'PEM is wanted, as `openssl x509` and `openssl pkey` write it'
}
