package emulator

import (
	"encoding/xml"
	"strings"
)

// element is any element of an answer of EC2.
type element struct {
	XMLName  xml.Name
	Text     string     `xml:",chardata"`
	Children []*element `xml:",any"`
}

func parse(body []byte) (*element, error) {
	root := &element{}
	if err := xml.Unmarshal(body, root); err != nil {
		return nil, err
	}
	root.trim()
	return root, nil
}

// trim drops what is only there to be read by people.
func (e *element) trim() {
	if len(e.Children) > 0 {
		e.Text = ""
	}
	for _, c := range e.Children {
		c.trim()
	}
}

// at is the element at a path such as "instanceState/name", nil where there is none.
func (e *element) at(path string) *element {
	for name := range strings.SplitSeq(path, "/") {
		var next *element
		for _, c := range e.Children {
			if c.XMLName.Local == name {
				next = c
			}
		}
		if next == nil {
			return nil
		}
		e = next
	}
	return e
}

func (e *element) text(path string) string {
	if found := e.at(path); found != nil {
		return found.Text
	}
	return ""
}

// set gives the element at a path a text, and makes it where it is not there.
func (e *element) set(path, text string) {
	for name := range strings.SplitSeq(path, "/") {
		next := e.at(name)
		if next == nil {
			next = &element{XMLName: xml.Name{Local: name}}
			e.Children = append(e.Children, next)
		}
		e = next
	}
	e.Text = text
}
