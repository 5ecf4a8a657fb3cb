/** The API server answered with a status that is not a success. */
export class StatusError extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`the server answers ${status}`);
    this.status = status;
  }
}
