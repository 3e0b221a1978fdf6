/** What went wrong, in one line, without the stack of the wrapper classes and what gRPC says before our own words. */
export function errorText(error: unknown): string {
  const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
  return line.replace(/^\d+ \w+: Getting metadata from plugin failed with error: /, '')
}

/** gRPC's word for a message beyond the bound; its code means other things too, such as an etcd whose disk is full. */
export const isTooLarge = (error: unknown): boolean => /message larger than max/.test(errorText(error))

/** No answer in time, or not all of it: the server may be away, or the line to it slow. */
export const isLate = (error: unknown): boolean => /DEADLINE_EXCEEDED/.test(errorText(error))

// By their words: gRPC's codes do not tell these from other faults, etcd3 has classes for some, and a watch for none.

/**
 * The users were changed between a request's coming and its turn, which is refused then, whoever asks and whatever was
 * changed (etcd 3.3 has other words for it); a signed token (`--auth-token jwt`) is refused so from then on.
 */
export const isOldRevision = (error: unknown): boolean =>
  /revision of auth store is old|auth: revision in header is old/.test(errorText(error))

/** A new token will do. */
export const isTokenOver = (error: unknown): boolean =>
  isOldRevision(error) || /invalid auth token/.test(errorText(error))

/** Name and password do not go together, or etcd asks for neither. */
export const isLoginRefused = (error: unknown): boolean =>
  /authentication failed|authentication is not enabled/.test(errorText(error))

/** The server knows who asks, and says no; or does not know him. */
export const isDenied = (error: unknown): boolean =>
  /permission denied|authentication failed|user name not found|user name is empty/i.test(errorText(error))

/** The server answered, and will not have us: it is not that it has no majority. */
export const isRefused = (error: unknown): boolean => isTokenOver(error) || isLoginRefused(error) || isDenied(error)
