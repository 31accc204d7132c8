/** The maximum length of shortnames, API user names and resource server names, in characters. */
export const NAME_CHARACTERS_MAX = 63;

/** Can this be a shortname, or the name of an API user or resource server? Such names are equal only if all their characters are. */
export function isName(text: string): boolean {
  return /^[a-z0-9][a-z0-9._-]*$/.test(text) && text.length <= NAME_CHARACTERS_MAX;
}

/**
 * The username of an API user with this name in the account with this id.
 *
 * @param accountId a number that the service gives to the account when it creates it
 * @param name as {@link isName} accepts it
 */
export function usernameIn(accountId: number | string, name: string): string {
  return `api-${accountId}-${name}`;
}
