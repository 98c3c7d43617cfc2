"""The report: one page that needs nothing else, says the origin of its data, and shows everything of the fit."""

import re
from html.parser import HTMLParser

import pytest
from fakes import fake_fit

from emergelaw import report
from emergelaw.report.build import plain
from emergelaw.report.figures import slugs

VOID = {"meta", "img", "br", "link", "hr"}


class Page(HTMLParser):
    """Collects ids, links, sources and text; refuses tags that do not nest."""

    def __init__(self, html):
        super().__init__()
        self.ids, self.links, self.sources, self.alts, self.text, self.open = [], [], [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.links += [attrs["href"]] if "href" in attrs else []
        self.sources += [attrs["src"]] if "src" in attrs else []
        self.alts += [attrs["alt"]] if "alt" in attrs else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    fit = fake_fit(4, 3)
    return fit, out, report.build(fit, out).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(built):
    return Page(built[2])


def said(page):
    return " ".join(" ".join(page.text).split())


def test_the_page_nests_and_every_inner_link_arrives(page):
    assert not page.open
    assert len(page.ids) == len(set(page.ids))
    assert {link.removeprefix("#") for link in page.links} <= set(page.ids)


def test_the_page_needs_no_network(built, page):
    assert all(source.startswith("data:image/") for source in page.sources)
    assert all(link.startswith("#") for link in page.links)
    assert "default-src 'none'" in built[2] and "<script" not in built[2]


def test_top_and_every_figure_say_simulated(page):
    assert said(page).count("SIMULATED DATA") > len(page.alts)
    assert page.alts and all("(SIMULATED DATA)" in alt for alt in page.alts)


def test_every_task_has_its_anchor_and_its_figure(built, page):
    for task in map(str, built[0].data["task"].values):
        assert f"task-{task.replace('_', '-')}" in page.ids
        assert any(task in alt for alt in page.alts)
        assert (built[1] / "figures" / f"task-{task.replace('_', '-')}.svg").exists()


def test_everything_of_the_fit_is_told(built, page):
    fit, _, _ = built
    wanted = [fit.result["status_sentence"], fit.result["data_sha256"], "jax: 0.10.2", "CC0-1.0", "1.004", "123,456"]
    wanted += fit.result["left_out"] + [p["belief"] for p in fit.priors] + [p["prior"] for p in fit.priors]
    wanted += ["dropped <main>: no tokens", "curves <drawn> from a known truth", "a seed & a law", "91.2 %"]
    text = said(page)
    assert [w for w in wanted if w not in text] == []


def test_text_from_outside_cannot_become_markup(built):
    assert "<drawn>" not in built[2] and "&lt;drawn&gt;" in built[2]
    assert "<main>" not in built[2] and "<no tokens>" not in built[2]


def test_several_explanations_are_shown_with_weights(tmp_path):
    both = [
        {"weight": 0.7, "sentence": "one slow rise", "chains": [0, 1]},
        {"weight": 0.3, "sentence": "a late one", "chains": [2]},
    ]
    page = Page(report.build(fake_fit(2, 2, explanations=both), tmp_path).read_text())
    text = said(page)
    assert "Several explanations fit" in text and "70 % one slow rise 0, 1" in text and "30 % a late one 2" in text


def test_a_fit_that_did_not_converge_is_not_marked_good(tmp_path):
    fit = fake_fit(2, 2, converged=False, status="r_hat", status_sentence="Run longer.")
    html = report.build(fit, tmp_path).read_text()
    assert 'class="status converged"' not in html and "Run longer." in html


def test_a_model_without_priors_and_nothing_left_out_say_so(tmp_path):
    fit = fake_fit(2, 2, kind="measured", left_out=[])
    fit.priors = []
    text = said(Page(report.build(fit, tmp_path).read_text()))
    assert "The model has no priors to show." in text and "Nothing: every measured cell" in text
    assert "SIMULATED" not in text


def test_equal_fits_give_equal_pages_and_figures(built, tmp_path):
    again = report.build(fake_fit(4, 3), tmp_path)
    assert again.read_text(encoding="utf-8") == built[2]
    first = {p.name: p.read_bytes() for p in (built[1] / "figures").iterdir()}
    assert {p.name: p.read_bytes() for p in (tmp_path / "figures").iterdir()} == first


def test_no_page_is_left_half_written(tmp_path, monkeypatch):
    fit = fake_fit(2, 2)
    del fit.result["explanations"]
    with pytest.raises(KeyError):
        report.build(fit, tmp_path)
    assert not list(tmp_path.glob("*report*"))


def test_tasks_that_look_alike_keep_their_own_files():
    names = slugs(["a b", "a-b", "A_B", "(5-shot)", "数学", "物理"])
    assert len(set(names.values())) == 6 and all(re.fullmatch(r"[a-z0-9-]+", n) for n in names.values())


def test_long_provenance_is_cut_and_says_by_how_much():
    assert plain(list(range(30))).endswith("19; and 10 more")
    assert plain({"a": [1, 2], "b": "c"}) == "a: 1; 2; b: c"


@pytest.mark.slow
def test_sixty_five_tasks_fit_on_a_page_of_fifteen_megabytes(tmp_path):
    assert report.build(fake_fit(65, 16, draws=250), tmp_path).stat().st_size < 15e6
