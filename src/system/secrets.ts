/** The url without its password, for every place a person or a file may see it. */
export function withoutPassword(url: string): string {
  return url.replace(/^([a-z]+:\/\/[^:/?#@]*):[^@/?#]*@/i, "$1@").replace(/([?&]password=)[^&]*/gi, "$1…");
}
