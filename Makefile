# Every command a person types. The work is done in harness/; `make` alone lists what there is:
# the lines that begin with ## (in Russian, ##ru), where LANGUAGE or the locale asks for it.

# Assigned here so that only the command line can set them: WORK, for one, is a
# common variable of the environment on university clusters.
LAB  :=
STEP :=
WORK := labs
SEED :=
AGAIN :=
PORT := 8000
SUBMISSIONS :=
ROSTER :=
DEADLINE :=
AGAINST :=
GIVEN :=
INTO :=
FORCE :=
# An order may stand in the environment, too: SANDBOX=none runs programs without the sandbox.
SANDBOX ?=
export LAB STEP WORK SEED AGAIN INTO FORCE SUBMISSIONS ROSTER DEADLINE AGAINST GIVEN SANDBOX

RU := $(if $(filter ru%,$(firstword $(LANGUAGE) $(LC_ALL) $(LC_MESSAGES) $(LANG))),ru)

.DEFAULT_GOAL := help
.PHONY: help check grade class similar docs docs-serve doctor quiz starters new test bench knowledge lint format words

help:
	@sed -n 's/^##$(RU) //p' Makefile

##   make check LAB=02 [STEP=3] [WORK=DIR] [SEED=n]  check one lab, step by step
##   make check LAB=02 AGAIN=errors                  only what ended in an error
##ru   make check LAB=02 [STEP=3] [WORK=DIR] [SEED=n]  проверить работу по шагам
##ru   make check LAB=02 AGAIN=errors                  только шаги с ошибкой системы
WHICH   := Say which lab, for example: make check LAB=02
WHICHru := Скажите, какую работу проверить, например: make check LAB=02
check:
	@$(if $(LAB),,$(error $(WHICH$(RU))))harness/setup.sh student
	@harness/lab check "$$LAB" --work "$$WORK" $${STEP:+--step "$$STEP"} $${SEED:+--seed "$$SEED"} \
		$${AGAIN:+--again "$$AGAIN"}

##   make grade [WORK=DIR] [AGAIN=errors]            all labs: a scorecard
##ru   make grade [WORK=DIR] [AGAIN=errors]            все работы: таблица баллов
grade:
	@harness/setup.sh student
	@harness/lab grade --work "$$WORK" $${AGAIN:+--again "$$AGAIN"}

##   make class SUBMISSIONS=DIR [LAB=02] [INTO=DIR]  every student: a gradebook
##ru   make class SUBMISSIONS=DIR [LAB=02] [INTO=DIR]  все студенты: ведомость
# Also ROSTER=CSV and DEADLINE=2026-05-01T23:59.
ABOUT   := Say where the submissions are: make class SUBMISSIONS=DIR
ABOUTru := Скажите, где сданные работы: make class SUBMISSIONS=DIR
class:
	@$(if $(SUBMISSIONS),,$(error $(ABOUT$(RU))))harness/setup.sh student
	@harness/lab class "$$SUBMISSIONS" $${LAB:+--lab "$$LAB"} $${ROSTER:+--roster "$$ROSTER"} \
		$${DEADLINE:+--deadline "$$DEADLINE"} $${INTO:+--into "$$INTO"}

##   make similar SUBMISSIONS=DIR [LAB=02]           programs that are alike
##ru   make similar SUBMISSIONS=DIR [LAB=02]           похожие программы
# Also ROSTER and DEADLINE as above, AGAINST=DIR of others' programs, GIVEN=DIR of code that students were given.
similar:
	@$(if $(SUBMISSIONS),,$(error $(subst class,similar,$(ABOUT$(RU)))))harness/setup.sh student
	@harness/lab similar "$$SUBMISSIONS" $${LAB:+--lab "$$LAB"} $${ROSTER:+--roster "$$ROSTER"} \
		$${DEADLINE:+--deadline "$$DEADLINE"} $${INTO:+--into "$$INTO"} $${AGAINST:+--against "$$AGAINST"} \
		$${GIVEN:+--given "$$GIVEN"}

##   make docs                                       the workbook as a site
##ru   make docs                                       учебник в виде сайта
docs:
	@harness/setup.sh docs
	@harness/docs.sh

##   make docs-serve [PORT=8000]                     the same, served to yourself
##ru   make docs-serve [PORT=8000]                     он же по адресу 127.0.0.1
docs-serve:
	@harness/setup.sh docs
	@harness/docs.sh --serve "$(PORT)"

##   make doctor                                     what this machine lacks
##ru   make doctor                                     чего не хватает этой машине
doctor:
	@harness/lab doctor

##   make quiz [LAB=02] [AGAIN=1]                    control questions, explained
##ru   make quiz [LAB=02] [AGAIN=1]                    контрольные вопросы с разбором
quiz:
	@harness/setup.sh student
	@harness/lab quiz $${LAB:+"$$LAB"} $${AGAIN:+--again}

# LANGUAGE counts on the command line only: in the environment it is that of all messages.
##   make starters [LANGUAGE=ru] [INTO=DIR]          make what students begin with
##ru   make starters [LANGUAGE=ru] [INTO=DIR]          заготовки для студентов
starters:
	@harness/setup.sh student
	@harness/lab starters $(if $(filter command,$(firstword $(origin LANGUAGE))),--language "$(LANGUAGE)") \
		$${INTO:+--into "$$INTO"} $${FORCE:+--force}

##   make new LAB=07-relay                           begin a new lab
##ru   make new LAB=07-relay                           начать новую работу
NEW   := Say how the new lab is called, for example: make new LAB=07-relay
NEWru := Скажите, как называется новая работа, например: make new LAB=07-relay
new:
	@$(if $(LAB),,$(error $(NEW$(RU))))harness/setup.sh student
	@harness/lab new "$$LAB"

##   make test                                       lint, then the harness's tests
##ru   make test                                       lint и тесты самой системы
test:
	@harness/test.sh --lint

##   make bench                                      references beside their peers
##ru   make bench                                      решения рядом с аналогами
bench:
	@harness/bench/scanner.sh
	@harness/bench/chat.py

##   make knowledge                                  what the tools know, measured
##ru   make knowledge                                  что знают инструменты
knowledge:
	@harness/setup.sh maintainer
	@harness/knowledge.sh

##   make lint                                       look at the form of all code
##ru   make lint                                       проверить оформление кода
lint:
	@harness/setup.sh maintainer
	@harness/lint.sh

##   make format                                     put all code in that form
##ru   make format                                     оформить код по правилам
format:
	@harness/setup.sh maintainer
	@harness/lint.sh --format

##   make words                                      add new messages to catalogs
##ru   make words                                      обновить каталоги перевода
words:
	@harness/setup.sh maintainer
	@harness/words.sh
