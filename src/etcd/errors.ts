/** What went wrong, in one line, without the stack of the wrapper classes. */
export function errorText(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!
}

/** gRPC's word for a message beyond the bound; its code means other things too, such as an etcd whose disk is full. */
export const isTooLarge = (error: unknown): boolean => /message larger than max/.test(errorText(error))

/**
 * The users were changed between a request's coming and its turn; a signed token (`--auth-token jwt`) says this from then
 * on. By their words: neither gRPC's codes nor etcd3's classes tell them from other faults, and a watch has no class at all.
 */
export const isOldRevision = (error: unknown): boolean => /revision of auth store is old/.test(errorText(error))

/** The token is gone, or the password is no longer the one that we had: a connection made anew may do. */
export const isLoginOver = (error: unknown): boolean =>
  isOldRevision(error) || isLoginRefused(error) || /invalid auth token/.test(errorText(error))

/** Name and password do not go together, or etcd asks for neither. */
export const isLoginRefused = (error: unknown): boolean =>
  /authentication failed|authentication is not enabled/.test(errorText(error))

/** The server knows who asks, and says no; or does not know him. */
export const isDenied = (error: unknown): boolean =>
  /permission denied|authentication failed|user name not found|user name is empty/i.test(errorText(error))

/** The server answered, and will not have us: it is not that it has no majority. */
export const isRefused = (error: unknown): boolean => isLoginOver(error) || isDenied(error)
