// The ownership mark of objects that have a comment and no tags: it stands in brackets at the comment's end.

function ending(mark: string): string {
  return `[${mark}]`;
}

export function hasMark(comment: string, mark: string): boolean {
  return comment.trimEnd().endsWith(ending(mark));
}

/** What a person wrote. */
export function withoutMark(comment: string, mark: string): string {
  const text = comment.trimEnd();
  return hasMark(text, mark) ? text.slice(0, -ending(mark).length).trimEnd() : text;
}

export function withMark(text: string, mark: string): string {
  const plain = withoutMark(text, mark);
  return plain === '' ? ending(mark) : `${plain} ${ending(mark)}`;
}
