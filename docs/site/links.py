"""Links of the site. Pages are written for the repository, where `docs/scale.md` and `../FINDINGS.md` are paths."""

import re
from posixpath import dirname, join, normpath, relpath

from mkdocs.structure.files import File


def on_files(files, config):
    files.append(File.generated(config, "findings.md", abs_src_path=f"{config.docs_dir}/../FINDINGS.md"))


def on_page_markdown(markdown, page, **_):
    here = dirname(page.file.src_uri)

    def link(found):
        """Of a link to a file that the site does not have its text is left."""
        path = normpath(join(here, found[2]))
        return found[1] if path.startswith("../") else f"[{found[1]}]({relpath(path, here)})"

    parts = re.split(r"(^```.*?^```)", markdown.replace("](../FINDINGS.md)", "](findings.md)"), flags=re.M | re.S)
    for place in range(0, len(parts), 2):  # what is not code
        text = re.sub(r"`docs/([\w-]+)\.md`", lambda it: f"[{it[1]}]({relpath(it[1] + '.md', here)})", parts[place])
        parts[place] = re.sub(r"\[([^]]+)\]\((\.\./[^)]+)\)", link, text)
    return "".join(parts)
