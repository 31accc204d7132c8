/** What a program is made for. */
export interface SnippetSubject {
  /** Where clients reach the service. */
  readonly publicUrl: string;
  readonly username: string;
}

export interface Snippet {
  /** The language of a program for the exchange, or the name of another way. */
  readonly name: "curl" | "JavaScript" | "PHP" | "Python" | "Ruby" | "SDK" | "OAuth" | "API";
  /** What has to be there to run it. */
  readonly needs: string;
  /** What to call the file; not `token`, which would stand in for Python's own module of that name. */
  readonly fileName: string;
  readonly code: string;
}
