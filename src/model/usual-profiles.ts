/**
 * The profiles that Kubernetes' endpoints list: that of their namespace, then that of their service account. An export
 * does not say which profiles a pod lists; its writer says so of the others, and its reader counts on these (0036).
 */
export function usualProfiles(namespace: string | null, serviceAccount: string | null): readonly string[] {
  if (namespace === null) return []
  return [`kns.${namespace}`, ...(serviceAccount === null ? [] : [`ksa.${namespace}.${serviceAccount}`])]
}
