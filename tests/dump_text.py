"""MediaWiki XML exports of pages that tests write themselves."""

from xml.sax.saxutils import escape

SITE = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" version="0.10" xml:lang="en">
  <siteinfo>
    <sitename>Wikipedia</sitename>
    <dbname>enwiki</dbname>
    <base>{base}</base>
    <namespaces>
      <namespace key="0" case="first-letter" />
      <namespace key="14" case="first-letter">Category</namespace>
    </namespaces>
  </siteinfo>
"""
BASE = "https://en.wikipedia.org/wiki/Main_Page"


def page_xml(number, title, text, *, namespace=0, redirect=""):
    mark = f'<redirect title="{escape(redirect)}" />' if redirect else ""
    return (
        f"<page><title>{escape(title)}</title><ns>{namespace}</ns><id>{number}</id>{mark}"
        f"<revision><id>{number + 1000}</id><timestamp>2024-01-01T00:00:00Z</timestamp>"
        f"<contributor><username>A</username><id>1</id></contributor><model>wikitext</model>"
        f'<format>text/x-wiki</format><text xml:space="preserve">{escape(text)}</text>'
        f"</revision></page>\n"
    )


def dump_xml(pages, base=BASE):
    return SITE.format(base=base) + "".join(pages) + "</mediawiki>\n"
