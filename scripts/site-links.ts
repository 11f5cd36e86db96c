// Links of the built site that lead nowhere: to a file or an anchor that is not there, or to a file's name that was taken for a host.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

/** Each as `page → link`. */
export function brokenLinks(site: string): string[] {
  const files = readdirSync(site, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.html'));
  const pages = new Map(files.map((file) => [file, readFileSync(join(site, file), 'utf8')]));
  const anchors = new Map(
    [...pages].map(([file, text]) => [file, new Set([...text.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id))]),
  );
  const leadsNowhere = (from: string, link: string): boolean => {
    if (/^https?:/.test(link)) return /^http:\/\/[^/]*\.md$/.test(link);
    const [path = '', anchor = ''] = link.split('#');
    const target = path === '' ? from : posix.join(posix.dirname(from), decodeURIComponent(path));
    if (!existsSync(join(site, target))) return true;
    return anchor !== '' && anchors.get(target)?.has(decodeURIComponent(anchor)) === false;
  };
  return [...pages].flatMap(([file, text]) =>
    [...new Set([...text.matchAll(/\s(?:href|src)="([^"]*)"/g)].map(([, link]) => link!.replaceAll('&amp;', '&')))]
      .filter((link) => leadsNowhere(file, link))
      .map((link) => `${file} → ${link}: leads nowhere`),
  );
}
