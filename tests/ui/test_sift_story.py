from __future__ import annotations

import re

import pytest

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
WAIT = 60_000

pytestmark = pytest.mark.ui


def open_sift(open_page, stack_folder):
    page = open_page(f"?page=sift&folder={stack_folder}&frame=1")
    expect(page.get_by_text(re.compile(r"Frame 1 left, frame 2 right"))).to_be_visible(timeout=WAIT)
    return page


def test_a_changed_model_gives_another_matrix(open_page, stack_folder):
    page = open_sift(open_page, stack_folder)
    expect(page.get_by_text("The run uses these settings.")).to_be_attached()
    page.get_by_label("Transform", exact=True).first.click()
    page.get_by_role("menuitem", name="shift", exact=True).click()
    expect(page.get_by_text("1.000000").first).to_be_visible(timeout=WAIT)
    expect(page.get_by_text(re.compile("still uses other settings"))).to_be_visible()
    page.get_by_role("button", name="Use for the run").click()
    expect(page.get_by_text("The run uses these settings.")).to_be_visible()


def test_space_flickers_the_aligned_pair(open_page, stack_folder):
    page = open_sift(open_page, stack_folder)
    # A button that was clicked does not keep the space bar for itself.
    page.get_by_role("button", name="key points", exact=True).click()
    page.keyboard.press(" ")
    expect(page.get_by_text(re.compile(r"Frame 2, aligned"))).to_be_visible(timeout=WAIT)
    page.keyboard.press(" ")
    expect(page.get_by_text(re.compile(r"Frame 1, aligned"))).to_be_visible(timeout=WAIT)


def test_the_laboratory_fills_its_table_and_a_row_loads(open_page, stack_folder):
    page = open_sift(open_page, stack_folder)
    page.get_by_role("tab", name="Laboratory").click()
    page.get_by_role("button", name="Run", exact=True).click()
    cells = page.locator(".tabulator-row .tabulator-cell[tabulator-field=transform]")
    expect(cells).to_have_count(5 * 2, timeout=WAIT)
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_disabled(timeout=WAIT)
    solvers = page.locator(".tabulator-row .tabulator-cell[tabulator-field=solver]")
    model, solver = cells.nth(2).inner_text(), solvers.nth(2).inner_text()
    cells.nth(2).click()
    expect(page.get_by_label("Transform", exact=True).first).to_have_text(model, timeout=WAIT)
    expect(page.get_by_label("Solver", exact=True).first).to_have_text(solver)


def test_the_laboratory_with_blocks_fits_a_small_screen(open_page, stack_folder):
    page = open_sift(open_page, stack_folder)
    page.get_by_role("tab", name="Laboratory").click()
    page.get_by_label("Estimators").first.click()
    page.get_by_text("blocks", exact=True).last.click()
    page.mouse.click(1200, 340)
    page.get_by_role("button", name="Run", exact=True).click()
    rows = page.locator(".tabulator-cell[tabulator-field=estimator]")
    expect(rows).to_have_count(5 * 3, timeout=WAIT)
    titles = page.locator(".tabulator-col-title", has_text=re.compile(r"\w")).filter(visible=True)
    expect(titles.filter(has_text="Estimator")).to_be_visible()
    for title in titles.all():
        wide, shown = title.evaluate("e => [e.scrollWidth, e.clientWidth]")
        assert wide <= shown, f"{title.inner_text()} is cut off"
    # Table and scatter are below each other on the screen: nothing has to be scrolled.
    scatter = page.locator(".bk-Figure").filter(visible=True).last.bounding_box()
    assert scatter["height"] >= 150
    assert scatter["y"] + scatter["height"] <= 768


def test_a_bad_file_is_told_in_words(open_page, stack_folder, tmp_path):
    page = open_sift(open_page, stack_folder)
    bad = tmp_path / "bad.yaml"
    bad.write_text("solver: {drmaxx: 1}")
    page.locator("input[type=file]").first.set_input_files(str(bad))
    expect(page.get_by_text(re.compile("unknown setting"))).to_be_visible(timeout=WAIT)


def test_without_a_stack_the_way_to_one_is_shown(open_page):
    page = open_page("?page=sift")
    expect(page.get_by_text("Open a stack on the Data page first.")).to_be_visible(timeout=WAIT)
    expect(page.get_by_role("button", name="Go to Data")).to_be_visible()


def test_keys_fit_and_stretch_and_step_the_pair(open_page, stack_folder):
    page = open_sift(open_page, stack_folder)
    page.keyboard.press("c")
    expect(page.get_by_text(re.compile("contrast stretched"))).to_be_visible(timeout=WAIT)
    page.keyboard.press("f")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text(re.compile("Frame 2 left"))).to_be_visible(timeout=WAIT)
    page.keyboard.press("Shift+ArrowRight")
    expect(page.get_by_text(re.compile("Frame 6 left, frame 7 right"))).to_be_visible(timeout=WAIT)


def test_a_varied_setting_fills_a_table_that_fits(open_page, stack_folder):
    page = open_sift(open_page, stack_folder)
    page.get_by_role("tab", name="Laboratory").click()
    page.get_by_label("Vary also").first.click()
    page.get_by_role("menuitem", name="sigma", exact=True).click()
    page.get_by_role("button", name="Run", exact=True).click()
    cells = page.locator(".tabulator-row .tabulator-cell[tabulator-field=changed]")
    expect(cells.first).to_be_visible(timeout=WAIT)
    expect(cells.first).to_contain_text("sigma")
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_enabled(timeout=WAIT)
    holder = page.locator(".tabulator-tableholder").first
    wide, shown = holder.evaluate("e => [e.scrollWidth, e.clientWidth]")
    assert wide <= shown, "the table scrolls sideways"
    cells.first.click()
    expect(page.get_by_text(re.compile("Loaded: "))).to_be_visible(timeout=WAIT)


def test_a_saved_file_loads_again(open_page, stack_folder, tmp_path):
    page = open_sift(open_page, stack_folder)
    sigma = page.get_by_label("Sigma", exact=True).first
    sigma.fill("2.4")
    sigma.press("Enter")
    expect(page.get_by_text(re.compile("still uses other settings"))).to_be_attached(timeout=WAIT)
    with page.expect_download() as download:
        page.get_by_text("Save YAML").click()
    file = tmp_path / "saved.yaml"
    download.value.save_as(file)
    assert "sigma: 2.4" in file.read_text()
    for _ in range(2):
        page.get_by_role("button", name="Defaults").first.click()
        expect(sigma).to_have_value("1.6", timeout=WAIT)
        page.locator("input[type=file]").first.set_input_files(str(file))
        expect(sigma).to_have_value("2.4", timeout=WAIT)
